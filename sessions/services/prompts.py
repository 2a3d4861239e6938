"""What people asked before, kept for each of them and for nobody else, so that they can ask it again."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from django.db.models import F

from accounts.models import User
from sessions.models import AgentSession, Prompt

MAX_LENGTH = 20_000  # characters; longer ones are pastes, and stay in their conversation only
KEPT = 500  # of one person in one project


def note_prompt(*, session: AgentSession, user: User, text: str, now: datetime) -> None:
    """Count the use of a prompt, in the transaction that sends it; what was used longest ago makes room.

    Several sessions that are begun with one prompt at once use it once.
    """
    if len(text) > MAX_LENGTH:
        return
    own = Prompt.objects.filter(user=user, project_id=session.project_id)
    same = own.filter(digest=sha256(text.encode()).hexdigest())
    if same.filter(last_used_at__lt=now).update(used_count=F("used_count") + 1, last_used_at=now):
        return
    new = Prompt(
        organization_id=session.organization_id,
        project_id=session.project_id,
        user=user,
        text=text,
        digest=sha256(text.encode()).hexdigest(),
        last_used_at=now,
        created_at=now,
    )
    Prompt.objects.bulk_create([new], ignore_conflicts=True)
    kept = own.order_by("-last_used_at", "-pk").values("pk")[:KEPT]
    own.exclude(pk__in=kept).delete()


def remove_prompt(*, prompt: Prompt) -> None:
    """Forget it; harmless when repeated."""
    Prompt.objects.filter(pk=prompt.pk).delete()
