"""Whether who opened a session's stream may still read it."""

from __future__ import annotations

import uuid
from datetime import datetime

from accounts import credentials
from accounts.credentials import RECHECK_S
from accounts.tenancy import Role, fetch
from sessions import queries
from sessions.models import AgentSession

__all__ = ["RECHECK_S", "Credentials"]


class Credentials(credentials.Credentials):
    """What the stream was opened with."""

    def session(self, session_id: uuid.UUID, role: Role, now: datetime) -> AgentSession:
        """The session's row, if they may see it with this role at this moment.

        Raises: Unauthenticated, NotFound, Forbidden, OrganizationSuspended.
        """
        return fetch(queries.sessions(), self.actor_now(now), session_id, role)
