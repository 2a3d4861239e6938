"""Admission under the budget, and rows that are closed once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization
from gateway import ledger
from gateway.catalog import Tokens
from gateway.ledger import Admission, Caller
from gateway.models import Budget, UsageEntry
from gateway.refusals import Refused

MODEL = "claude-sonnet-5-5"
ESTIMATE = Tokens(input=1000, output=8000)


def caller_of(organization: Organization) -> Caller:
    return Caller(organization.pk, uuid.UUID(int=7))


def admit(organization: Organization) -> Admission:
    return ledger.admit(caller_of(organization), model=MODEL, estimate=ESTIMATE, now=timezone.now())


class TestAdmit:
    def test_opens_a_row_with_the_estimate(self, organization: Organization, deployment_key: str) -> None:
        admission = admit(organization)

        row = UsageEntry.objects.get(pk=admission.entry_id)
        assert admission.key is not None
        assert admission.key.text == deployment_key
        assert (row.finished_at, row.status, row.is_estimated) == (None, 0, True)
        assert row.cost_usd == Decimal("0.082")

    def test_waits_while_running_calls_hold_the_rest(self, organization: Organization, deployment_key: str) -> None:
        Budget.objects.create(organization_id=organization.pk, limit_usd=Decimal("0.08"))
        first = admit(organization)

        with pytest.raises(Refused) as caught:
            admit(organization)
        assert caught.value.status == 429

        ledger.close(
            first.entry_id, status=200, request_id="", tokens=Tokens(input=1), is_complete=True, now=timezone.now()
        )
        assert admit(organization).key

    def test_refuses_for_good_when_all_is_spent(self, organization: Organization, deployment_key: str) -> None:
        Budget.objects.create(organization_id=organization.pk, limit_usd=Decimal("0.01"))
        first = admit(organization)
        ledger.close(first.entry_id, status=200, request_id="", tokens=ESTIMATE, is_complete=True, now=timezone.now())

        with pytest.raises(Refused, match=r"0\.08 of 0\.01 USD") as caught:
            admit(organization)

        assert caught.value.status == 400
        assert UsageEntry.objects.count() == 1

    def test_refuses_an_organisation_that_was_suspended_meanwhile(self, organization: Organization) -> None:
        Organization.objects.update(suspended_at=timezone.now())

        with pytest.raises(Refused) as caught:
            admit(organization)

        assert caught.value.status == 401
        assert not UsageEntry.objects.exists()

    def test_of_the_practice_model_costs_nothing(self, organization: Organization, settings: Settings) -> None:
        settings.ANTHROPIC_API_KEY = ""
        settings.SESSION_BUDGET_USD = 0.0

        admission = admit(organization)

        row = UsageEntry.objects.get(pk=admission.entry_id)
        assert (admission.key, row.is_practice, row.cost_usd) == (None, True, Decimal(0))

    @pytest.mark.django_db(transaction=True)
    def test_lets_only_one_of_many_parallel_calls_take_the_rest(
        self, organization: Organization, deployment_key: str
    ) -> None:
        Budget.objects.create(organization_id=organization.pk, limit_usd=Decimal("0.08"))

        def attempt(_: int) -> int:
            try:
                admit(organization)
            except Refused as refusal:
                return refusal.status
            finally:
                connection.close()
            return 200

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(attempt, range(16)))

        assert sorted(statuses) == [200] + [429] * 15


class TestClose:
    def test_writes_the_numbers_once(self, organization: Organization, deployment_key: str) -> None:
        entry_id = admit(organization).entry_id
        tokens = Tokens(input=1_000_000)
        ledger.close(entry_id, status=200, request_id="r" * 200, tokens=tokens, is_complete=True, now=timezone.now())

        ledger.close(entry_id, status=500, request_id="x", tokens=Tokens(), is_complete=True, now=timezone.now())

        row = UsageEntry.objects.get(pk=entry_id)
        assert (row.status, row.input_tokens, row.output_tokens, row.cost_usd) == (200, 1_000_000, 0, Decimal(2))
        assert row.request_id == "r" * 100

    def test_lets_the_estimate_stand_when_nothing_was_seen(
        self, organization: Organization, deployment_key: str
    ) -> None:
        entry_id = admit(organization).entry_id

        ledger.close(entry_id, status=0, request_id="", tokens=None, is_complete=False, now=timezone.now())

        row = UsageEntry.objects.get(pk=entry_id)
        assert (row.cost_usd, row.output_tokens, row.is_estimated) == (Decimal("0.082"), 8000, True)
        assert row.finished_at is not None
