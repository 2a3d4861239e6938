"""Who may call a model, and what each call cost: admission under the budget, and one closed row per call."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.models import Organization
from accounts.secrets import SecretUnreadable
from gateway import catalog, keys, refusals, services
from gateway.catalog import Tokens
from gateway.keys import Key
from gateway.models import GatewayToken, UsageEntry
from runtime.failpoints import failpoint


@dataclass(frozen=True)
class Caller:
    """The session that a token speaks for."""

    organization_id: uuid.UUID
    subject_id: uuid.UUID
    place_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Admission:
    """A call that may be made: its row in the ledger, and the key to make it with (None: the practice model)."""

    entry_id: uuid.UUID
    key: Key | None


def authenticate(token: str, *, now: dt.datetime) -> Caller:
    """The session behind a token.

    Raises: Refused (401: unknown, expired, revoked, or its organisation is suspended).
    """
    row = GatewayToken.objects.unrevoked().filter(digest=services.digest_of(token)).first()
    if row is None:
        raise refusals.unknown_token()
    if row.expires_at <= now:
        raise refusals.expired_token()
    return Caller(row.organization_id, row.subject_id, row.place_id)


@transaction.atomic
def admit(caller: Caller, *, model: str, estimate: Tokens, now: dt.datetime) -> Admission:
    """Open the ledger's row for a call, with its estimated cost, if the organisation's budget allows one more.

    The organisation's row is locked, so that parallel calls see one another: while what is spent and what is held by
    running calls reach the limit, no further call begins. The limit is passed by the excess of one call at most.
    Raises: Refused (401: suspended meanwhile; 400: spent, or the key has run out; 429: held by running calls; 500: the
        key is unreadable).
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=caller.organization_id)
    if organization.suspended_at is not None:
        raise refusals.unknown_token()
    key = key_for(caller, now)
    if key:
        _check_budget(caller, now)
    entry = UsageEntry.objects.create(
        organization_id=caller.organization_id,
        subject_id=caller.subject_id,
        model=model[:100],
        is_practice=not key,
        input_tokens=estimate.input,
        output_tokens=estimate.output,
        cost_usd=catalog.cost_usd(model, estimate) if key else Decimal(0),
        created_at=now,
    )
    return Admission(entry.pk, key)


def key_for(caller: Caller, now: dt.datetime) -> Key | None:
    """The key to call with; None means the practice model.

    Raises: Refused (500: the stored key cannot be decrypted; 400: it has run out).
    """
    try:
        return keys.key_for(caller.organization_id, caller.place_id, now=now)
    except SecretUnreadable as error:
        raise refusals.key_unreadable() from error
    except keys.RanOut as error:
        raise refusals.key_ran_out() from error


def close(
    entry_id: uuid.UUID, *, status: int, request_id: str, tokens: Tokens | None, is_complete: bool, now: dt.datetime
) -> None:
    """Close the row of a call once; without `tokens` the estimate stands as the cost."""
    rows = UsageEntry.objects.filter(pk=entry_id, finished_at=None)
    entry = rows.first()
    if entry is None:
        return
    failpoint("gateway.before_charge")
    known = {} if tokens is None else _numbers(entry, tokens)
    rows.update(status=status, request_id=request_id[:100], is_estimated=not is_complete, finished_at=now, **known)


def _numbers(entry: UsageEntry, tokens: Tokens) -> dict[str, int | Decimal]:
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_write_tokens": tokens.cache_write,
        "cache_read_tokens": tokens.cache_read,
        "cost_usd": Decimal(0) if entry.is_practice else catalog.cost_usd(entry.model, tokens),
    }


def _check_budget(caller: Caller, now: dt.datetime) -> None:
    month = UsageEntry.objects.filter(organization_id=caller.organization_id).in_month_of(now)
    limit = services.limit_usd(caller.organization_id)
    spent = month.settled(now).sum_of_costs()
    if spent >= limit:
        raise refusals.budget_spent(f"{spent:.2f}", f"{limit:.2f}")
    if spent + month.running(now).sum_of_costs() >= limit:
        raise refusals.budget_in_use()
