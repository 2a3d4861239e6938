"""The operator's pages: they list, and neither show secrets nor let the ledger be changed."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Organization, User
from gateway import ledger, services
from gateway.catalog import Tokens
from gateway.models import Budget, GatewayToken, UsageEntry

KEY = "sk-ant-canary-0000000000000abcd"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(
        User.objects.create_superuser("root@example.com", "x"), "django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def rows(organization: Organization, deployment_key: str, token: str) -> None:
    services.set_provider_key(organization_id=organization.pk, key=KEY, now=timezone.now())
    Budget.objects.create(organization_id=organization.pk, limit_usd=Decimal(5))
    caller = ledger.authenticate(token, now=timezone.now())
    ledger.admit(caller, model="claude-sonnet-5-5", estimate=Tokens(input=1), now=timezone.now())


@pytest.mark.usefixtures("rows")
class TestAdmin:
    @pytest.mark.parametrize("model", ["usageentry", "budget", "providerkey", "gatewaytoken"])
    def test_lists_and_searches_without_showing_a_secret(self, operator: Client, token: str, model: str) -> None:
        pages = [
            operator.get(f"/admin/gateway/{model}/"),
            operator.get(f"/admin/gateway/{model}/?q=acme"),
            operator.get(f"/admin/gateway/{model}/?q={uuid.UUID(int=7)}"),
        ]

        for page in pages:
            assert page.status_code == 200
            assert KEY not in page.content.decode()
            assert token not in page.content.decode()
        assert "acme" in pages[0].content.decode()

    @pytest.mark.parametrize("model", ["usageentry", "providerkey", "gatewaytoken"])
    def test_does_not_add_or_change_what_only_the_gateway_writes(self, operator: Client, model: str) -> None:
        assert operator.get(f"/admin/gateway/{model}/add/").status_code == 403

    def test_does_not_delete_from_the_ledger(self, operator: Client) -> None:
        entry = UsageEntry.objects.get()

        assert operator.post(f"/admin/gateway/usageentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
        assert UsageEntry.objects.exists()

    def test_revokes_tokens(self, operator: Client) -> None:
        row = GatewayToken.objects.get()

        operator.post("/admin/gateway/gatewaytoken/", {"action": "revoke", "_selected_action": [str(row.pk)]})

        row.refresh_from_db()
        assert row.revoked_at is not None


class TestBudgets:
    def test_are_set_by_the_operator(self, operator: Client, organization: Organization) -> None:
        answer = operator.post("/admin/gateway/budget/add/", {"organization": organization.pk, "limit_usd": "2.50"})

        assert answer.status_code == 302
        assert services.limit_usd(organization.pk) == Decimal("2.50")

    @pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "10000000000"])
    def test_that_are_no_amounts_are_refused(self, operator: Client, organization: Organization, amount: str) -> None:
        answer = operator.post("/admin/gateway/budget/add/", {"organization": organization.pk, "limit_usd": amount})

        assert answer.status_code == 200
        assert not Budget.objects.exists()
