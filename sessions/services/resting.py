"""Whether a session is at rest, so that its working tree can be changed, or taken elsewhere, from outside."""

from __future__ import annotations

from django.db.models import Q

from sessions.errors import AtWork
from sessions.models import AgentSession, JobStatus, PermissionStatus, RestorationStatus, SessionStatus

NOT_OVER = (JobStatus.PENDING, JobStatus.PROCESSING)


def require_rest(session: AgentSession) -> None:
    """The caller holds the session's row, so that nothing begins before its own work is queued.

    Raises: AtWork (a turn runs, waits, asks or is being ended; a restoration or a move is under way).
    """
    if _is_at_work(session):
        raise AtWork("The agent is at work. Wait until it has finished, or stop it first.")
    if session.restorations.filter(status=RestorationStatus.PENDING).exists():
        raise AtWork("The working tree is being restored already. Wait until that has been done.")
    if session.moves.filter(status=RestorationStatus.PENDING).exists():
        raise AtWork("The session is being moved already. Wait until that has been done.")


def _is_at_work(session: AgentSession) -> bool:
    """A cancelled turn is over at once, but its agent is still being told while it waits for an answer."""
    if session.status == SessionStatus.RUNNING:
        return True
    jobs = Q(status__in=NOT_OVER)
    if session.status == SessionStatus.WAITING_INPUT and session.epoch:
        jobs |= Q(status=JobStatus.CANCELLED, epoch=session.epoch)
    asked = session.permission_requests.filter(status=PermissionStatus.PENDING)
    return session.jobs.filter(jobs).exists() or asked.exists()
