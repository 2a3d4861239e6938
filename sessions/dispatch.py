"""Enqueues the jobs of sessions by name, in the caller's transaction: rolled back with it, it never ran."""

from __future__ import annotations

import uuid

from procrastinate.contrib.django import app

QUEUE = "agents"


def defer_turn(session_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """One turn at a time per session, in the order of their messages."""
    task = app.configure_task("sessions.run_turn", queue=QUEUE, lock=f"session:{session_id}")
    task.defer(session_id=str(session_id), job_id=str(job_id))


def defer_stop(session_id: uuid.UUID) -> None:
    """Behind the turns, cancelled by now and over within seconds: no sandbox is pulled from under a snapshot."""
    task = app.configure_task("sessions.stop_session", queue=QUEUE, lock=f"session:{session_id}")
    task.defer(session_id=str(session_id))


def defer_cleanup(session_id: uuid.UUID) -> None:
    """Not behind the turns' lock, since a deleted session's lease is gone and nothing more of it is kept."""
    app.configure_task("sessions.cleanup_session", queue=QUEUE).defer(session_id=str(session_id))
