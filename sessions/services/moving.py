"""Taking a session to another environment: asked for here, done by a worker."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.errors import Invalid
from accounts.models import User
from environments import configs
from environments.models import Environment
from runtime.failpoints import failpoint
from sessions import dispatch
from sessions.errors import CommandIdTaken
from sessions.models import AgentSession, Job, Move, RestorationStatus
from sessions.services.locking import locked
from sessions.services.resting import require_rest


@transaction.atomic
def move_session(
    *, session: AgentSession, environment: Environment, by: User, key: uuid.UUID | None = None, now: datetime
) -> Move:
    """Have the session go on in another environment, with its tree and its conversation; the same key again changes
    nothing.

    Raises: AtWork (a turn runs or waits, or a restoration or another move); Invalid (it is there already, or of
        another organisation); KindNotAvailable; CommandIdTaken; NotFound (deleted meanwhile).
    """
    session = locked(session)
    known = None if key is None else Move.objects.filter(pk=key).first()
    if known is not None:
        if (known.session_id, known.environment_id) != (session.pk, environment.pk):
            raise CommandIdTaken
        return known
    require_rest(session)
    if environment.organization_id != session.organization_id or environment.pk == session.environment_id:
        raise Invalid.field("environment_id", "Choose another environment: the session is in this one already.")
    configs.require_available(environment.kind)
    made = Move.objects.create(
        id=key or uuid7(),
        organization_id=session.organization_id,
        session=session,
        environment=environment,
        requested_by=by,
        created_at=now,
    )
    dispatch.defer_move(session.pk)
    failpoint("move.before_commit")
    return made


def tell_with(job: Job) -> None:
    """The agent is to hear of a move with this job's message; a slash command takes no other words along."""
    message = getattr(job, "message", None)
    if message is not None and not message.text.lstrip().startswith("/"):
        done = Move.objects.filter(session_id=job.session_id, status=RestorationStatus.DONE, told_in=None)
        done.update(told_in=job)


def note_for(job: Job) -> str:
    """What the agent is told with the job's message, whoever delivers it; empty as a rule."""
    if not Move.objects.filter(told_in=job).exists():
        return ""
    return (
        "[Since your last turn this session was moved to another machine. The working tree is as it was, in the "
        "present working directory, whose path may be another one; files that git ignores, background processes "
        "and installed software were left behind.]"
    )
