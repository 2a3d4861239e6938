"""The name under which an agent commits in its working tree."""

from __future__ import annotations

import re
import uuid

from django.conf import settings

from sessions.models import AgentSession

AGENT = ("Slipway agent", "agent@slipway.invalid")
MAX = 200  # characters
UNFIT = re.compile(r"[<>\s\x00-\x1f\x7f]+")  # what separates the parts of a line in git's objects


def identity_of(session_id: uuid.UUID) -> tuple[str, str]:
    """Name and address: the agent's, or those of who began the session where the operator allows that."""
    if settings.GIT_IDENTITY != "person":
        return AGENT
    session = AgentSession.with_deleted.select_related("created_by").get(pk=session_id)
    person = session.created_by
    if person is None:
        return AGENT
    email = UNFIT.sub("", person.email)[:MAX]
    name = UNFIT.sub(" ", person.name).strip()[:MAX] or email.partition("@")[0]
    return (name, email) if name and email else AGENT
