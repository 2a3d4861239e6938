"""What model calls are made with: a credential of the place where a session works, else the organisation's own key,
else the deployment's."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import models, transaction

from accounts import secrets as sealing
from accounts.errors import Invalid
from gateway.models import KeyForm, PlaceKey, Provider, ProviderKey

CHARS = range(20, 513)
OAUTH_PREFIX, REFRESH_PREFIX = "sk-ant-oat", "sk-ant-ort"
OAUTH_BETA = "oauth-2025-04-20"  # without it the vendor takes no bearer
OF_ORGANIZATION = "provider-key"  # what the organisation's own is sealed for


class RanOut(Exception):
    """The credential was good until a moment that has passed."""


class Origin(models.TextChoices):
    """Whose it is."""

    PLACE = "PLACE", "The environment's own"
    ORGANIZATION = "ORGANIZATION", "The organisation's"
    DEPLOYMENT = "DEPLOYMENT", "The server's"
    PRACTICE = "PRACTICE", "None: a practice model answers"


@dataclass(frozen=True)
class Key:
    """A credential in the clear, for the moment of one call."""

    form: KeyForm
    text: str = field(repr=False)
    expires_at: dt.datetime | None = None

    def put_into(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a call, with the credential."""
        if self.form == KeyForm.API_KEY:
            return headers | {"x-api-key": self.text}
        betas = [name for name in headers.get("anthropic-beta", "").split(",") if name.strip() not in ("", OAUTH_BETA)]
        return headers | {"authorization": f"Bearer {self.text}", "anthropic-beta": ",".join([*betas, OAUTH_BETA])}


@dataclass(frozen=True)
class Source:
    """What is told of a credential: whose it is and how it ends, never itself."""

    origin: Origin
    form: KeyForm | None = None
    last_four: str = ""
    stored_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None

    def has_run_out(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def read(text: str) -> Key:
    """A credential as people paste it: an API key, an OAuth token, or the text of the agent's credentials file.

    Raises: Invalid (none of these; the text is in no message).
    """
    text = text.strip()
    if text.startswith("{"):
        return _of_file(text)
    if text.startswith(REFRESH_PREFIX):
        raise _invalid("This is a refresh token. Paste the access token, or make one that lasts: claude setup-token.")
    return Key(KeyForm.OAUTH if text.startswith(OAUTH_PREFIX) else KeyForm.API_KEY, _sound(text))


def _of_file(text: str) -> Key:
    try:
        signed_in = json.loads(text)["claudeAiOauth"]
        token, until = str(signed_in["accessToken"]), signed_in.get("expiresAt")
        expires_at = dt.datetime.fromtimestamp(until / 1000, dt.UTC) if until else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError) as error:
        raise _invalid("This is no credentials file of the agent: it names no claudeAiOauth.accessToken.") from error
    return Key(KeyForm.OAUTH, _sound(token), expires_at)


def _sound(text: str) -> str:
    if not is_sound(text):
        raise _invalid("Paste an API key, a token, or the text of the agent's credentials file.")
    return text


def is_sound(text: str) -> bool:
    """Whether it can be one at all: what goes into a header."""
    return len(text) in CHARS and all("!" <= character <= "~" for character in text)


def _invalid(message: str) -> Invalid:
    return Invalid.field("credential", message)


@transaction.atomic
def set_place_key(*, organization_id: uuid.UUID, place_id: uuid.UUID, text: str, now: dt.datetime) -> PlaceKey:
    """Store the credential that sessions at this place call with, in place of an earlier one.

    Raises: Invalid (not a credential, or one that has run out).
    """
    key = read(text)
    if key.expires_at is not None and key.expires_at <= now:
        raise _invalid("This credential has run out. Sign in anew, or make one that lasts: claude setup-token.")
    sealed = sealing.seal(key.text.encode(), organization_id=organization_id, purpose=_purpose(place_id))
    values = {"form": key.form, "ciphertext": sealed, "last_four": key.text[-4:], "expires_at": key.expires_at}
    row, _ = PlaceKey.objects.update_or_create(
        organization_id=organization_id, place_id=place_id, defaults=values | {"updated_at": now}
    )
    return row


def delete_place_key(*, place_id: uuid.UUID) -> None:
    """Forget it: sessions there go on with the organisation's key, else the deployment's, else the practice model."""
    PlaceKey.objects.filter(place_id=place_id).delete()


def key_for(organization_id: uuid.UUID, place_id: uuid.UUID | None = None, *, now: dt.datetime) -> Key | None:
    """What a session of this organisation at this place calls with; None: the practice model.

    What is stored and cannot be used is not replaced by what would be next: it is somebody else's money.
    Raises: SecretUnreadable (it cannot be decrypted); RanOut.
    """
    if own := _place_key(organization_id, place_id):
        if own.expires_at is not None and own.expires_at <= now:
            raise RanOut
        return Key(KeyForm(own.form), _opened(own, _purpose(own.place_id)), own.expires_at)
    if row := ProviderKey.objects.filter(organization_id=organization_id, provider=Provider.ANTHROPIC).first():
        return Key(KeyForm.API_KEY, _opened(row, OF_ORGANIZATION))
    return Key(KeyForm.API_KEY, settings.ANTHROPIC_API_KEY) if settings.ANTHROPIC_API_KEY else None


def _place_key(organization_id: uuid.UUID, place_id: uuid.UUID | None) -> PlaceKey | None:
    if place_id is None:
        return None
    return PlaceKey.objects.filter(organization_id=organization_id, place_id=place_id).first()


def _opened(row: Any, purpose: str) -> str:
    opened = sealing.open_sealed(bytes(row.ciphertext), organization_id=row.organization_id, purpose=purpose)
    return opened.decode()


def sources(organization_id: uuid.UUID, place_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Source]:
    """By the place's id, what sessions there call with; as many queries for many as for one."""
    ids = list(place_ids)
    rest = _without_place(organization_id)
    own = PlaceKey.objects.filter(organization_id=organization_id, place_id__in=ids)
    found = {
        row.place_id: Source(Origin.PLACE, KeyForm(row.form), row.last_four, row.updated_at, row.expires_at)
        for row in own
    }
    return {id: found.get(id, rest) for id in ids}


def _without_place(organization_id: uuid.UUID) -> Source:
    row = ProviderKey.objects.filter(organization_id=organization_id, provider=Provider.ANTHROPIC).first()
    if row is not None:
        return Source(Origin.ORGANIZATION, KeyForm.API_KEY, row.last_four, row.updated_at)
    return Source(Origin.DEPLOYMENT if settings.ANTHROPIC_API_KEY else Origin.PRACTICE)


def ran_out(place_ids: Iterable[uuid.UUID], now: dt.datetime) -> set[uuid.UUID]:
    """Of these places those whose own credential was good only until a moment that has passed."""
    rows = PlaceKey.objects.filter(place_id__in=list(place_ids), expires_at__lte=now)
    return set(rows.values_list("place_id", flat=True))


def _purpose(place_id: uuid.UUID) -> str:
    return f"place:{place_id}:key"
