"""The credential that an environment's agents have of their own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.errors import Conflict, Invalid
from accounts.tenancy import Actor, Role, fetch
from environments import credentials, health
from environments.models import Environment


@dataclass(frozen=True)
class Stored:
    """Whether agents of the environment have one of their own, and since when."""

    is_used: bool
    stored_at: datetime | None


def read_credential(*, actor: Actor, id: uuid.UUID) -> Stored:
    """Raises: NotFound."""
    return _stored(fetch(Environment, actor, id))


def store_credential(*, actor: Actor, id: uuid.UUID, credential: str) -> Stored:
    """Keep an agent's credential for this environment, in place of an earlier one.

    Raises: NotFound, Forbidden (below ADMIN); Conflict (agents there would not see it); Invalid (it is empty).
    """
    environment = fetch(Environment, actor, id, Role.ADMIN)
    if not credentials.is_shown(environment):
        raise Conflict("Agents of this environment use the gateway's key, and see no other.")
    if not credential.strip() or "\x00" in credential:
        raise Invalid.field("credential", "Paste the credential: a token, or the text of the agent's credentials file.")
    credentials.store(environment.pk, credential.strip() + "\n")
    health.forget(environment)
    return _stored(environment)


def remove_credential(*, actor: Actor, id: uuid.UUID) -> None:
    """Forget it; harmless when there is none. Raises: NotFound, Forbidden (below ADMIN)."""
    environment = fetch(Environment, actor, id, Role.ADMIN)
    credentials.forget(environment.pk)
    health.forget(environment)


def _stored(environment: Environment) -> Stored:
    since = credentials.stored_at(environment.pk)
    moment = None if since is None else datetime.fromtimestamp(since, UTC)
    return Stored(credentials.is_shown(environment), moment)
