"""Bringing a checkpoint's working tree back: asked for here, done by a worker in the session's sandbox."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.models import User
from runtime.failpoints import failpoint
from sessions import dispatch
from sessions.errors import CommandIdTaken
from sessions.models import AgentSession, Checkpoint, Job, Restoration, RestorationStatus
from sessions.services.locking import locked
from sessions.services.resting import require_rest


@transaction.atomic
def restore_checkpoint(
    *, session: AgentSession, checkpoint: Checkpoint, by: User, key: uuid.UUID | None = None, now: datetime
) -> Restoration:
    """Have the session's working tree made what one of its checkpoints holds; the same key again changes nothing.

    Raises: AtWork (a turn runs or waits, or a move or another restoration); CommandIdTaken (the key was given to
        something else); NotFound (deleted meanwhile).
    """
    session = locked(session)
    known = None if key is None else Restoration.objects.filter(pk=key).first()
    if known is not None:
        if (known.session_id, known.checkpoint_id) != (session.pk, checkpoint.pk):
            raise CommandIdTaken
        return known
    require_rest(session)
    made = Restoration.objects.create(
        id=key or uuid7(),
        organization_id=session.organization_id,
        session=session,
        checkpoint=checkpoint,
        requested_by=by,
        created_at=now,
    )
    dispatch.defer_restore(session.pk)
    failpoint("restore.before_commit")
    return made


def tell_with(job: Job) -> None:
    """The agent is to hear of what was restored with this job's message; a slash command takes no other words along."""
    message = getattr(job, "message", None)
    if message is not None and not message.text.lstrip().startswith("/"):
        done = Restoration.objects.filter(session_id=job.session_id, status=RestorationStatus.DONE, told_in=None)
        done.update(told_in=job)


def note_for(job: Job) -> str:
    """What the agent is told with the job's message, whoever delivers it; empty as a rule."""
    told = Restoration.objects.filter(told_in=job).select_related("checkpoint").order_by("finished_at").last()
    if told is None:
        return ""
    made_at = f"{told.checkpoint.created_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"[Since your last turn the working tree was put back to its checkpoint of {made_at}, branch and commits too. "
        "Read files again before you rely on what you remember of them.]"
    )
