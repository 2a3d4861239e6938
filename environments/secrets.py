"""Secrets of environments: entered, replaced and forgotten, never shown; opened only to build a sandbox's spec."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import secrets as sealing
from accounts.errors import Invalid
from accounts.secrets import SecretUnreadable
from environments.models import Environment, EnvironmentKind, EnvironmentSecret
from sandbox.errors import SandboxRefused

MAX_LINE = 1000  # characters
ADDRESS = ("host", "port", "username")


def _line(text: str) -> tuple[str, str]:
    if not 1 <= len(text) <= MAX_LINE or not text.isprintable():
        raise Invalid(f"This is one line of at most {MAX_LINE} printable characters.")
    return text, ""


def _named_line(text: str) -> tuple[str, str]:
    line, _ = _line(text.strip())
    return line, f"…{line[-4:]}" if len(line) >= 12 else ""


def _private_key(text: str) -> tuple[str, str]:
    # Imported here: it takes half a second, and most processes never need it.
    from sandbox.ssh.keys import read_private_key

    try:
        key = read_private_key(text)
    except SandboxRefused as error:
        raise Invalid(error.message) from error
    return key.text, key.public


_READ: Mapping[str, Mapping[str, Callable[[str], tuple[str, str]]]] = {
    EnvironmentKind.SSH: {"private_key": _private_key, "password": _line},
    EnvironmentKind.MODAL: {"token_id": _named_line, "token_secret": _line},
}

SECRETS: Mapping[str, tuple[str, ...]] = {kind: tuple(names) for kind, names in _READ.items()}


@transaction.atomic
def set_secret(*, environment: Environment, name: str, value: str, now: datetime) -> None:
    """Store a secret, in place of an earlier one. Whoever calls has checked that the actor may.

    Raises: Invalid (this kind has no such secret, or it is not one); the value is in no message.
    """
    text, hint = _read(environment, name, value)
    sealed = sealing.seal(
        text.encode(), organization_id=environment.organization_id, purpose=_purpose(environment, name)
    )
    EnvironmentSecret.objects.update_or_create(
        organization_id=environment.organization_id,
        environment=environment,
        name=name,
        defaults={"ciphertext": sealed, "hint": hint, "updated_at": now},
    )


def remove_secret(*, environment: Environment, name: str) -> None:
    """Forget a secret; one that is not set is no error. Raises: Invalid (this kind has no such secret)."""
    _reader(environment, name)
    environment.secrets.filter(name=name).delete()


def secrets_of(environment: Environment) -> dict[str, datetime]:
    """Which secrets are set, and since when."""
    return {row.name: row.updated_at for row in environment.secrets.all()}


def hints_of(environment: Environment) -> dict[str, str]:
    """What may be shown of the secrets that are set: a private key's public key, the last four of a token's id."""
    return {row.name: row.hint for row in environment.secrets.all() if row.hint}


def secret_of(environment: Environment, name: str) -> str | None:
    """The secret itself, for whoever builds a sandbox's spec; None when it is not set.

    Raises: SecretUnreadable (the server's keys do not open it).
    """
    row = environment.secrets.filter(name=name).first()
    if row is None:
        return None
    return _open(environment, row)


def opened(environments: Iterable[Environment]) -> dict[uuid.UUID, dict[str, str]]:
    """By the environment's id, all that are set and can be read; what is missing is for the spec's builder to say."""
    keepers = {row.pk: row for row in environments if SECRETS.get(row.kind)}
    found: dict[uuid.UUID, dict[str, str]] = {}
    for row in EnvironmentSecret.objects.filter(environment_id__in=keepers) if keepers else ():
        with contextlib.suppress(SecretUnreadable):
            found.setdefault(row.environment_id, {})[row.name] = _open(keepers[row.environment_id], row)
    return found


def forget_after_move(environment: Environment, *, before: Mapping[str, Any]) -> None:
    """Call within the transaction that changed the config: a password was entered for one machine and one account.

    Without this, whoever may change the address could have it sent to a machine of their own.
    """
    if any(environment.config.get(field) != before.get(field) for field in ADDRESS):
        environment.secrets.filter(name="password").delete()


def _open(environment: Environment, row: EnvironmentSecret) -> str:
    purpose = _purpose(environment, row.name)
    sealed = bytes(row.ciphertext)
    return sealing.open_sealed(sealed, organization_id=environment.organization_id, purpose=purpose).decode()


def _read(environment: Environment, name: str, value: str) -> tuple[str, str]:
    try:
        return _reader(environment, name)(value)
    except Invalid as error:
        raise error if error.details else Invalid.field(f"secrets.{name}", error.message) from error


def _reader(environment: Environment, name: str) -> Callable[[str], tuple[str, str]]:
    reader = _READ.get(environment.kind, {}).get(name)
    if reader is None:
        raise Invalid.field(f"secrets.{name[:40]}", "This kind of environment has no such secret.")
    return reader


def _purpose(environment: Environment, name: str) -> str:
    return f"environment:{environment.id}:{name}"
