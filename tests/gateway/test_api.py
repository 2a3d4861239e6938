"""Models, usage and the write-only key over the API."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from gateway import keys
from gateway.keys import Key
from gateway.models import Budget, KeyForm, ProviderKey, UsageEntry
from tests.client import ApiClient

KEY = "sk-ant-canary-0000000000000abcd"
Api = type[ApiClient]


def key_path(organization: Organization) -> str:
    return f"/orgs/{organization.id}/provider-key"


class TestModels:
    def test_lists_the_menu_with_the_default_first(self, api: Api, vera: User, organization: Organization) -> None:
        answer = api(vera).get(f"/models?organization_id={organization.id}").json()

        assert [item["name"] for item in answer["items"]] == ["sonnet", "opus", "haiku"]
        assert [item["label"] for item in answer["items"]] == ["Sonnet", "Opus", "Haiku"]
        assert answer["default"] == "sonnet"

    def test_says_whether_the_practice_model_stands_in(
        self, api: Api, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.ANTHROPIC_API_KEY = ""
        address = f"/models?organization_id={organization.id}"
        assert api(alice).get(address).json()["is_practice"] is True

        api(alice).put(key_path(organization), {"key": KEY})

        assert api(alice).get(address).json()["is_practice"] is False
        assert api(alice).get("/models").json()["is_practice"] is True


class TestProviderKey:
    def test_is_never_shown_again(self, api: Api, alice: User, organization: Organization) -> None:
        put = api(alice).put(key_path(organization), {"key": f"  {KEY}\n"})
        got = api(alice).get(key_path(organization))

        for answer in (put, got):
            assert answer.status_code == 200
            assert answer.json().keys() == {"provider", "last_four", "updated_at"}
            assert answer.json()["last_four"] == "abcd"
        assert keys.key_for(organization.pk, now=timezone.now()) == Key(KeyForm.API_KEY, KEY)
        assert KEY.encode() not in bytes(ProviderKey.objects.get().ciphertext)

    def test_replaces_the_earlier_one(self, api: Api, alice: User, organization: Organization) -> None:
        api(alice).put(key_path(organization), {"key": KEY})
        first = ProviderKey.objects.get().updated_at

        api(alice).put(key_path(organization), {"key": KEY + "-new"})

        row = ProviderKey.objects.get()
        assert row.last_four == "-new"
        assert row.updated_at > first

    @pytest.mark.parametrize(
        "key", ["", "short-canary", "sk-ant canary with spaces in it", "sk-ant-canary-ключ" * 3, "c" * 1001, 5]
    )
    def test_a_bad_one_is_refused_without_an_echo(
        self, api: Api, alice: User, organization: Organization, key: str | int, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = api(alice).put(key_path(organization), {"key": key})

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"].endswith("key")
        assert "canary" not in answer.content.decode() + caplog.text
        assert not ProviderKey.objects.exists()

    def test_is_forgotten_on_delete(self, api: Api, alice: User, organization: Organization) -> None:
        api(alice).put(key_path(organization), {"key": KEY})

        assert api(alice).delete(key_path(organization)).status_code == 204
        got = api(alice).get(key_path(organization))
        assert (got.status_code, got.json()) == (200, None)
        assert not ProviderKey.objects.exists()


class TestUsage:
    def test_sums_the_month(self, api: Api, bob: User, organization: Organization) -> None:
        for cost in ("1.25", "0.00000001"):
            UsageEntry.objects.create(
                organization=organization,
                subject_id=uuid.UUID(int=7),
                model="claude-sonnet-5-5",
                status=200,
                input_tokens=10,
                output_tokens=20,
                cache_read_tokens=30,
                cache_write_tokens=40,
                cost_usd=Decimal(cost),
                finished_at=timezone.now(),
            )
        Budget.objects.create(organization_id=organization.pk, limit_usd=Decimal("12.5"))

        answer = api(bob).get(f"/orgs/{organization.id}/usage").json()

        assert answer == {
            "month": f"{timezone.now():%Y-%m}",
            "cost_usd": "1.25000001",
            "limit_usd": "12.50",
            "input_tokens": 20,
            "output_tokens": 40,
            "cache_read_tokens": 60,
            "cache_write_tokens": 80,
            "calls": 2,
        }

    def test_is_nothing_at_first_under_the_default_limit(
        self, api: Api, bob: User, organization: Organization, settings: Settings
    ) -> None:
        settings.SESSION_BUDGET_USD = 50.0

        answer = api(bob).get(f"/orgs/{organization.id}/usage").json()

        assert (answer["cost_usd"], answer["limit_usd"], answer["calls"]) == ("0", "50.0", 0)
