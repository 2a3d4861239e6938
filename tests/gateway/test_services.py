"""Tokens, keys, budgets and sums, as the other apps ask for them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.errors import Invalid
from accounts.models import Organization, User
from accounts.secrets import SecretUnreadable
from gateway import keys, ledger, services
from gateway.keys import Key
from gateway.models import GatewayToken, KeyForm, ProviderKey, UsageEntry
from gateway.refusals import Refused

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
SUBJECT, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
KEY = "sk-ant-canary-0000000000000abcd"


def issued(organization: Organization, subject_id: uuid.UUID = SUBJECT) -> str:
    return services.issue_token(organization_id=organization.pk, subject_id=subject_id, now=NOW)


def is_good(token: str, now: dt.datetime) -> bool:
    try:
        ledger.authenticate(token, now=now)
    except Refused:
        return False
    return True


def entry(organization: Organization, cost: str, **fields: object) -> UsageEntry:
    values = {"subject_id": SUBJECT, "model": "claude-sonnet-5-5", "status": 200, "finished_at": NOW, "created_at": NOW}
    return UsageEntry.objects.create(organization=organization, cost_usd=Decimal(cost), **{**values, **fields})


class TestTokens:
    def test_are_stored_as_a_digest_only(self, organization: Organization) -> None:
        token = issued(organization)

        assert re.fullmatch(r"slpg_[\w-]{43}", token)
        assert token not in str(GatewayToken.objects.values().get())

    def test_speak_for_their_session_and_organisation(self, organization: Organization) -> None:
        caller = ledger.authenticate(issued(organization), now=NOW)

        assert (caller.organization_id, caller.subject_id) == (organization.pk, SUBJECT)

    def test_live_for_an_hour_from_their_last_extension(self, organization: Organization) -> None:
        token = issued(organization)

        assert is_good(token, NOW + 59 * MINUTE)
        assert not is_good(token, NOW + 60 * MINUTE)
        assert services.extend_tokens(subject_id=SUBJECT, now=NOW + 59 * MINUTE)
        assert is_good(token, NOW + 118 * MINUTE)

    def test_do_not_rise_from_the_dead(self, organization: Organization) -> None:
        expired, revoked = issued(organization, SUBJECT), issued(organization, OTHER)
        services.revoke_tokens(subject_id=OTHER, now=NOW)

        assert not services.extend_tokens(subject_id=SUBJECT, now=NOW + 61 * MINUTE)
        assert not services.extend_tokens(subject_id=OTHER, now=NOW + MINUTE)
        assert not is_good(expired, NOW + 61 * MINUTE)
        assert not is_good(revoked, NOW + MINUTE)

    def test_that_only_time_has_ended_live_again_for_who_follows_their_agent(self, organization: Organization) -> None:
        expired, revoked = issued(organization, SUBJECT), issued(organization, OTHER)
        services.revoke_tokens(subject_id=OTHER, now=NOW)

        assert services.extend_tokens(subject_id=SUBJECT, now=NOW + 25 * 60 * MINUTE, even_expired=True)
        assert not services.extend_tokens(subject_id=OTHER, now=NOW + MINUTE, even_expired=True)
        assert is_good(expired, NOW + 25 * 60 * MINUTE)
        assert not is_good(revoked, NOW + MINUTE)

    def test_of_other_sessions_stay_when_one_is_revoked(self, organization: Organization) -> None:
        token, other = issued(organization, SUBJECT), issued(organization, OTHER)

        services.revoke_tokens(subject_id=SUBJECT, now=NOW)

        assert not is_good(token, NOW)
        assert is_good(other, NOW)

    def test_are_pruned_when_they_have_been_dead_for_a_week(self, organization: Organization) -> None:
        issued(organization)
        issued(organization, OTHER)
        services.revoke_tokens(subject_id=OTHER, now=NOW)
        later = NOW + services.TOKEN_TTL + dt.timedelta(days=7)
        living = services.issue_token(organization_id=organization.pk, subject_id=SUBJECT, now=later)

        assert services.prune_tokens(now=NOW + dt.timedelta(days=7)) == 0
        assert services.prune_tokens(now=later + MINUTE) == 2

        assert is_good(living, later)
        assert GatewayToken.objects.count() == 1


class TestModels:
    @pytest.mark.parametrize("name", ["sonnet", "opus", "haiku", "claude-sonnet-5-5", "claude-haiku-4-5-20251001"])
    def test_names_of_the_menu_and_their_families_are_taken(self, name: str) -> None:
        assert services.require_model(name) == name

    @pytest.mark.parametrize(
        "name", ["", "fable", "claude-nope-9", "gpt-5", "sonnet; rm -rf", "x" * 10_000, "sonnet\0"]
    )
    def test_others_are_refused_with_the_menu(self, name: str) -> None:
        with pytest.raises(Invalid, match="sonnet, opus, haiku") as caught:
            services.require_model(name)

        assert caught.value.details[0]["field"] == "model"


class TestProviderKeys:
    def test_go_before_the_deployments(self, organization: Organization, settings: Settings) -> None:
        settings.ANTHROPIC_API_KEY = ""
        assert services.is_practice(organization.pk)
        settings.ANTHROPIC_API_KEY = "deployment"
        assert keys.key_for(organization.pk, now=NOW) == Key(KeyForm.API_KEY, "deployment")

        services.set_provider_key(organization_id=organization.pk, key=KEY, now=NOW)

        assert keys.key_for(organization.pk, now=NOW) == Key(KeyForm.API_KEY, KEY)
        assert not services.is_practice(organization.pk)

    def test_cannot_be_moved_to_another_organisation(self, organization: Organization, charlie: User) -> None:
        row = services.set_provider_key(organization_id=organization.pk, key=KEY, now=NOW)
        theirs = charlie.organizations.get()

        ProviderKey.objects.filter(pk=row.pk).update(organization=theirs)

        with pytest.raises(SecretUnreadable):
            keys.key_for(theirs.pk, now=NOW)


class TestUsage:
    def test_of_a_session_is_the_sum_of_its_own_calls(self, organization: Organization) -> None:
        entry(organization, "1.5", input_tokens=10)
        entry(organization, "0.5", output_tokens=7)
        entry(organization, "100", subject_id=OTHER)

        usage = services.usage_of(SUBJECT)

        assert (usage.cost_usd, usage.input_tokens, usage.output_tokens, usage.calls) == (Decimal(2), 10, 7, 2)

    def test_leaves_out_calls_under_way_and_keeps_lost_ones(self, organization: Organization) -> None:
        now = timezone.now()
        entry(organization, "1", finished_at=None, status=0, created_at=now)
        entry(organization, "2", finished_at=None, status=0, created_at=now - dt.timedelta(hours=2))

        assert services.usage_of(SUBJECT).cost_usd == 2

    @pytest.mark.parametrize(
        ("moment", "counts"),
        [
            ("2026-10-31T23:59:59.999999+00:00", False),
            ("2026-11-01T00:00:00+00:00", True),
            ("2026-11-01T08:59:59+09:00", False),
            ("2026-11-30T23:59:59.999999+00:00", True),
            ("2026-12-01T00:00:00+00:00", False),
        ],
    )
    def test_of_a_month_follows_utc(self, organization: Organization, moment: str, counts: bool) -> None:
        entry(organization, "1", created_at=dt.datetime.fromisoformat(moment))

        assert services.month_usage(organization.pk, NOW).cost_usd == (1 if counts else 0)

    def test_of_a_month_is_the_organisations_own(self, organization: Organization, charlie: User) -> None:
        entry(organization, "1")

        assert services.month_usage(charlie.organizations.get().pk, NOW).calls == 0
