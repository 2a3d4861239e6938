"""The database side of a turn: recording each step under the lease of its epoch.

Every write here is conditional on the session's epoch, so that a worker that was taken for dead cannot change what a
later one does.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from environments import services as environments
from environments.models import Environment, Machine
from gateway import services as gateway
from sessions import dispatch, log
from sessions.engine import pool
from sessions.engine.claims import WORKING, Lease, Turn
from sessions.engine.rest import put_to_rest
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.models import (
    AgentSession,
    Checkpoint,
    GitStatus,
    Job,
    JobStatus,
    Message,
    PermissionMode,
    PermissionRequest,
    PermissionStatus,
    SessionStatus,
)
from sessions.services import entries
from sessions.services.permissions import withdraw
from sessions.storable import clean


def locked_session(turn: Lease) -> AgentSession:
    """The session's row, locked, if the turn still holds the lease.

    Raises: StaleEpoch (another worker has taken over, or the session is gone).
    """
    session = AgentSession.objects.select_for_update().filter(pk=turn.session_id, epoch=turn.epoch).first()
    if session is None:
        raise StaleEpoch
    return session


@transaction.atomic
def note_progress(turn: Turn, percent: int, message: str, now: datetime) -> None:
    """Say how far the turn has come: shown beside the session's status."""
    session = locked_session(turn)
    job = Job.objects.select_related("message").get(pk=turn.job_id)
    if job.status != JobStatus.PROCESSING:
        return
    job.progress, job.progress_message = percent, message
    job.save(update_fields=["progress", "progress_message"])
    log.append(session, [entries.job_status(job)], job_id=job.id, now=now)


@transaction.atomic
def show_waiting(turn: Lease, at_rest: SessionStatus, now: datetime) -> None:
    """Show whether the agent waits for an answer, or else `at_rest`; the last of them may be given at any moment."""
    session = locked_session(turn)
    is_asked = PermissionRequest.objects.filter(session=session, status=PermissionStatus.PENDING).exists()
    status = SessionStatus.WAITING_INPUT if is_asked else at_rest
    if (session.status, session.status_reason) == (status, ""):
        return
    _show(session, status, "")
    log.append(session, [entries.session_status(session)], job_id=turn.job_id, now=now)
    if is_asked:
        dispatch.turn_ended(session.id)  # others may work while it waits


@transaction.atomic
def new_machine(turn: Lease, environment: Environment) -> Machine:
    """A row for the sandbox that is about to be made, or of one that waited warm; it is the session's from now on."""
    session = locked_session(turn)
    machine = pool.take(session, environment, epoch=turn.epoch) or environments.create_machine(
        environment, subject_id=session.pk, home_id=session.home_id or session.pk, epoch=turn.epoch
    )
    AgentSession.objects.filter(pk=session.pk).update(machine=machine)
    return machine


@transaction.atomic
def begin_run(turn: Lease, *, run: str, claude_session_id: uuid.UUID, options: dict[str, Any], now: datetime) -> None:
    """A new agent process is about to be started: its spool is read from the beginning, the old one asks no more."""
    session = locked_session(turn)
    withdrawn = withdraw(session, now=now, reason="The agent ended.")
    forgotten = put_to_rest(session)
    AgentSession.objects.filter(pk=session.pk).update(
        agent_run=run, agent_offset=0, agent_state={}, agent_options=options, claude_session_id=claude_session_id
    )
    # What a person said to the process before is of no use to this one.
    PermissionRequest.objects.filter(session_id=session.pk, delivered_at=None).exclude(
        status=PermissionStatus.PENDING
    ).update(delivered_at=now)
    log.append(session, [*withdrawn, *forgotten], job_id=turn.job_id, now=now)


@transaction.atomic
def mark_delivered(turn: Turn, now: datetime) -> None:
    """The agent has the message."""
    locked_session(turn)
    Message.objects.filter(job_id=turn.job_id, delivered_at=None).update(delivered_at=now)


@transaction.atomic
def note_interrupt(turn: Turn, now: datetime) -> None:
    """The turn is about to be interrupted, as for an urgent message: kept, since it decides how the end is told."""
    locked_session(turn)
    Job.objects.filter(pk=turn.job_id, interrupt_requested_at=None).update(interrupt_requested_at=now)


def answer_delivered(id: uuid.UUID, now: datetime) -> None:
    PermissionRequest.objects.filter(pk=id, delivered_at=None).update(delivered_at=now)


def pending_request_ids(turn: Lease) -> list[str]:
    rows = PermissionRequest.objects.filter(session_id=turn.session_id, status=PermissionStatus.PENDING)
    return list(rows.values_list("request_id", flat=True))


@transaction.atomic
def finish(
    turn: Turn,
    status: JobStatus,
    session_status: SessionStatus,
    now: datetime,
    *,
    error: str = "",
    result: dict[str, Any] | None = None,
) -> None:
    """End the job, unless the user has ended it already, and show the session's state after it.

    What is still asked is withdrawn, unless tasks in the background go on, which may have asked it. `error` may hold
    anything from inside.
    """
    session, error = locked_session(turn), str(clean(error))
    job = Job.objects.select_related("message").get(pk=turn.job_id)
    new = [] if session.background else withdraw(session, now=now, reason="The turn has ended.")
    if job.status == JobStatus.PROCESSING:
        job.status, job.error, job.result, job.finished_at = status, error[:2000], result, now
        job.progress = 100 if status == JobStatus.COMPLETED else job.progress
        job.progress_message = ""
        job.save(update_fields=["status", "error", "result", "finished_at", "progress", "progress_message"])
        new.append(entries.job_status(job))
    usage = gateway.usage_of(session.id)
    session.cost_usd, session.output_tokens = usage.cost_usd, usage.output_tokens
    session.input_tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    session.live, session.idle_since = {}, now
    session.save(update_fields=["cost_usd", "input_tokens", "output_tokens", "live", "idle_since"])
    _show(session, session_status, error if session_status == SessionStatus.ERROR else "")
    log.append(session, [*new, entries.session_status(session)], job_id=job.id, now=now)
    dispatch.turn_ended(session.id)


@transaction.atomic
def agent_ended(turn: Lease, now: datetime) -> None:
    """The process has ended, and its background tasks with it."""
    session = locked_session(turn)
    log.append(session, put_to_rest(session), job_id=turn.job_id, now=now)


@transaction.atomic
def end_watch(lease: Lease, now: datetime, *, error: str = "", is_mute: bool = False) -> None:
    """Nothing goes on between turns any more; with an error, what did has ended badly.

    An agent that is mute may still live: the next turn takes a new process.
    """
    session, error = locked_session(lease), str(clean(error))
    new = [*withdraw(session, now=now, reason="The agent no longer waits for this."), *put_to_rest(session)]
    session.live, session.idle_since = {}, now
    session.agent_options = {} if is_mute else session.agent_options
    session.save(update_fields=["live", "idle_since", "agent_options"])
    status = SessionStatus.ERROR if error else SessionStatus.COMPLETED
    if error or session.status in WORKING:
        _show(session, status, error)
        new.append(entries.session_status(session))
    log.append(session, new, now=now)


def _show(session: AgentSession, status: SessionStatus, reason: str) -> None:
    session.status, session.status_reason = status, reason[:1000]
    session.save(update_fields=["status", "status_reason", "updated_at"])


@transaction.atomic
def note_mode(turn: Lease, mode: str, now: datetime) -> None:
    """The agent changed its permission mode by itself, as after an approved plan; a person's newer choice stays."""
    session = locked_session(turn)
    if mode not in PermissionMode.values or mode == session.agent_options.get("permission_mode"):
        return
    is_followed = session.permission_mode == session.agent_options.get("permission_mode")
    session.agent_options = {**session.agent_options, "permission_mode": mode}
    session.save(update_fields=["agent_options"])
    if is_followed:
        _change(session, turn, "permission_mode", mode, now)


@transaction.atomic
def note_option(turn: Lease, name: str, value: Any) -> None:
    """The process has taken over a model, a mode or rules."""
    session = locked_session(turn)
    if session.agent_options:
        session.agent_options = {**session.agent_options, name: value}
        session.save(update_fields=["agent_options"])


@transaction.atomic
def refuse_option(turn: Lease, name: str, value: str, error: str, now: datetime) -> None:
    """The process keeps the model or mode that it has: say so, and show what is true, unless it was changed again."""
    session = locked_session(turn)
    if name == "model":
        said = f"The agent did not take over the model “{value}”; it goes on with the one before. Choose another one."
    else:
        said = f"The agent did not take over the permission mode “{value}”; it goes on with the one before."
    notice = Entry("agent.notice", {"level": "warning", "text": said, "detail": error[:2000]})
    log.append(session, [notice], job_id=turn.job_id, now=now)
    if getattr(session, name) == value and session.agent_options.get(name):
        _change(session, turn, name, session.agent_options[name], now)


def _change(session: AgentSession, turn: Lease, name: str, value: str, now: datetime) -> None:
    setattr(session, name, value)
    session.save(update_fields=[name, "updated_at"])
    log.append(session, [entries.session_changed(**{name: value})], job_id=turn.job_id, now=now)


@transaction.atomic
def distrust_agent(turn: Lease) -> None:
    """The next turn takes a new process: nobody knows what this one is doing."""
    AgentSession.objects.filter(pk=locked_session(turn).pk).update(agent_options={})


@transaction.atomic
def note_lost_snapshot(turn: Turn, error: str, now: datetime) -> None:
    """Tell that the vault has not got the working tree; it is still in the sandbox."""
    text = "The working tree could not be saved after this turn; it will be tried again after the next one."
    payload = {"level": "error", "text": text, "detail": error[:2000]}
    log.append(locked_session(turn), [Entry("agent.notice", payload)], job_id=turn.job_id, now=now)


def checkpoint_id(turn: Turn) -> uuid.UUID:
    """The same for every worker that brings this turn to its end."""
    return uuid.uuid5(turn.job_id, "checkpoint")


def has_checkpoint(turn: Turn) -> bool:
    return Checkpoint.objects.filter(pk=checkpoint_id(turn)).exists()


@dataclass(frozen=True)
class TreeState:
    """A working tree in the vault: how many files differ from what the session began with, and from before the turn."""

    commit: str
    is_dirty: bool
    files_changed: int
    files_changed_in_turn: int


@transaction.atomic
def save_checkpoint(turn: Turn, *, id: uuid.UUID, state: TreeState, now: datetime) -> None:
    """The working tree after the turn, which the vault has by now; one that is known is not told again."""
    session = locked_session(turn)
    if Checkpoint.objects.filter(pk=id).exists():
        return
    commit, files_changed = state.commit, state.files_changed
    git_status = GitStatus.DIRTY if state.is_dirty else GitStatus.CLEAN
    Checkpoint.objects.create(
        id=id,
        organization_id=turn.organization_id,
        session=session,
        job_id=turn.job_id,
        commit=commit,
        git_status=git_status,
        files_changed=files_changed,
    )
    AgentSession.objects.filter(pk=session.pk).update(
        head_commit=commit, git_status=git_status, files_changed=files_changed
    )
    payload = {
        "checkpoint_id": str(id),
        "commit": commit,
        "git_status": git_status,
        "files_changed": files_changed,
        "files_changed_in_turn": state.files_changed_in_turn,
    }
    log.append(session, [Entry("checkpoint.created", payload)], job_id=turn.job_id, now=now)
