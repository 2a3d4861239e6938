"""What the other apps ask of the gateway: tokens for sandboxes, provider keys, budgets, models, usage."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone

from accounts import secrets as sealing
from accounts.errors import Invalid
from gateway import catalog, keys
from gateway.catalog import ModelChoice
from gateway.models import Budget, GatewayToken, PlaceKey, Provider, ProviderKey, UsageEntry, UsageQuerySet

TOKEN_PREFIX = "slpg_"
TOKEN_TTL = dt.timedelta(hours=1)
DEAD_TOKENS_KEPT = dt.timedelta(days=7)  # for the operator to look at


@dataclass(frozen=True)
class Usage:
    """Sums over some calls."""

    cost_usd: Decimal
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    calls: int


def issue_token(
    *, organization_id: uuid.UUID, subject_id: uuid.UUID, place_id: uuid.UUID | None = None, now: dt.datetime
) -> str:
    """A new token for one session, and the place where it works; the only time that it is seen in the clear."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    GatewayToken.objects.create(
        organization_id=organization_id,
        subject_id=subject_id,
        place_id=place_id,
        digest=digest_of(token),
        expires_at=now + TOKEN_TTL,
    )
    return token


def extend_tokens(*, subject_id: uuid.UUID, now: dt.datetime, even_expired: bool = False) -> bool:
    """Give the session's live tokens their full time again; False when none lives, since dead ones stay dead.

    Who follows a running agent asks for `even_expired` ones too: clocks jump, machines sleep, servers are away.
    """
    tokens = GatewayToken.objects.unrevoked() if even_expired else GatewayToken.objects.live(now)
    return bool(tokens.filter(subject_id=subject_id).update(expires_at=now + TOKEN_TTL))


def revoke_tokens(*, subject_id: uuid.UUID, now: dt.datetime) -> None:
    """End the session's tokens: the next call with one is refused."""
    GatewayToken.objects.filter(subject_id=subject_id, revoked_at=None).update(revoked_at=now)


def prune_tokens(*, now: dt.datetime) -> int:
    """Delete tokens that have long been dead, of which each session leaves a row for every start; how many."""
    limit = now - DEAD_TOKENS_KEPT
    return GatewayToken.objects.filter(Q(expires_at__lt=limit) | Q(revoked_at__lt=limit)).delete()[0]


def digest_of(token: str) -> str:
    """What is stored of a token; it is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_practice(organization_id: uuid.UUID | None, place_id: uuid.UUID | None = None) -> bool:
    """Whether the practice model answers: neither the place, nor the organisation, nor the deployment has a key."""
    if settings.ANTHROPIC_API_KEY:
        return False
    if organization_id is None:
        return True
    ids = [] if place_id is None else [place_id]
    has_own = PlaceKey.objects.filter(organization_id=organization_id, place_id__in=ids).exists()
    return not has_own and provider_key(organization_id) is None


def available_models() -> list[ModelChoice]:
    """The models that sessions may use, the default first."""
    return catalog.choices()


def require_model(name: str) -> str:
    """The name itself when sessions may use it.

    Raises: Invalid (unknown here; the message lists what there is).
    """
    if not catalog.is_allowed(name):
        raise Invalid.field("model", f"Not a model of this server. Choose one of: {', '.join(settings.MODELS)}.")
    return name


@transaction.atomic
def set_provider_key(*, organization_id: uuid.UUID, key: str, now: dt.datetime) -> ProviderKey:
    """Store the organisation's own key, in place of an earlier one.

    Raises: Invalid (not a key: 20 to 512 printable ASCII characters without spaces).
    """
    key = key.strip()
    if not keys.is_sound(key):
        raise Invalid.field("key", "A key is 20 to 512 letters, digits and signs, without spaces.")
    sealed = sealing.seal(key.encode(), organization_id=organization_id, purpose=keys.OF_ORGANIZATION)
    row, _ = ProviderKey.objects.update_or_create(
        organization_id=organization_id,
        provider=Provider.ANTHROPIC,
        defaults={"ciphertext": sealed, "last_four": key[-4:], "updated_at": now},
    )
    return row


def provider_key(organization_id: uuid.UUID) -> ProviderKey | None:
    """The organisation's own key, sealed."""
    return ProviderKey.objects.filter(organization_id=organization_id, provider=Provider.ANTHROPIC).first()


def delete_provider_key(*, organization_id: uuid.UUID) -> None:
    """Forget the organisation's own key."""
    ProviderKey.objects.filter(organization_id=organization_id, provider=Provider.ANTHROPIC).delete()


def limit_usd(organization_id: uuid.UUID) -> Decimal:
    """What the organisation may spend in a calendar month."""
    budget = Budget.objects.filter(organization_id=organization_id).first()
    return budget.limit_usd if budget else Decimal(str(settings.SESSION_BUDGET_USD))


def usage_of(subject_id: uuid.UUID) -> Usage:
    """All that one session has used."""
    return _summed(UsageEntry.objects.filter(subject_id=subject_id).settled(timezone.now()))


def month_usage(organization_id: uuid.UUID, now: dt.datetime) -> Usage:
    """What the organisation has used in the present calendar month (UTC)."""
    return _summed(UsageEntry.objects.filter(organization_id=organization_id).in_month_of(now).settled(now))


def month_report(organization_id: uuid.UUID, now: dt.datetime) -> dict[str, object]:
    """The same for people: with the month's name and the limit."""
    usage = month_usage(organization_id, now)
    return {"month": f"{now:%Y-%m}", "limit_usd": limit_usd(organization_id), **asdict(usage)}


def _summed(entries: UsageQuerySet) -> Usage:
    sums = entries.aggregate(
        cost=Sum("cost_usd"),
        input=Sum("input_tokens"),
        output=Sum("output_tokens"),
        cache_read=Sum("cache_read_tokens"),
        cache_write=Sum("cache_write_tokens"),
        calls=Count("pk", filter=~Q(status=0)),
    )
    return Usage(
        cost_usd=sums["cost"] or Decimal(0),
        input_tokens=sums["input"] or 0,
        output_tokens=sums["output"] or 0,
        cache_read_tokens=sums["cache_read"] or 0,
        cache_write_tokens=sums["cache_write"] or 0,
        calls=sums["calls"],
    )
