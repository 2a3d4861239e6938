"""Which key a call is made with: the place's own, the organisation's, the deployment's; read as people paste it."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.errors import Invalid
from accounts.models import Organization
from accounts.secrets import SecretUnreadable
from gateway import keys, services
from gateway.keys import Key, Origin
from gateway.models import KeyForm, PlaceKey
from tests.gateway.conftest import DEPLOYMENT_KEY

PLACE, OTHER = uuid.UUID(int=8), uuid.UUID(int=9)
API_KEY = "sk-ant-api03-of-the-place-0001"
TOKEN = "sk-ant-oat01-of-the-place-0002"
NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def signed_in(**fields: object) -> str:
    """The text of the agent's credentials file."""
    return json.dumps({"claudeAiOauth": {"accessToken": TOKEN, "refreshToken": "sk-ant-ort01-x", **fields}})


class TestReading:
    @pytest.mark.parametrize(
        ("text", "form", "until"),
        [
            (f" {API_KEY}\n", KeyForm.API_KEY, None),
            (TOKEN, KeyForm.OAUTH, None),
            (signed_in(), KeyForm.OAUTH, None),
            (signed_in(expiresAt=1_800_000_000_000), KeyForm.OAUTH, dt.datetime(2027, 1, 15, 8, tzinfo=dt.UTC)),
        ],
    )
    def test_knows_each_by_its_form(self, text: str, form: KeyForm, until: dt.datetime | None) -> None:
        key = keys.read(text)

        assert (key.form, key.expires_at) == (form, until)
        assert key.text == (API_KEY if form == KeyForm.API_KEY else TOKEN)
        assert key.text not in repr(key)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "too short",
            "a" * 600,
            "sk-ant-api03 with a space in it",
            "sk-ant-api03-ümlaut-ümlaut-ümlaut",
            "sk-ant-ort01-is-for-refreshing-alone",
            "{}",
            "{not json at all",
            "[" * 100_000,
            '{"claudeAiOauth": []}',
            '{"claudeAiOauth": {"accessToken": 7}}',
            signed_in(expiresAt="tomorrow"),
            signed_in(expiresAt=10**30),
        ],
    )
    def test_refuses_what_is_none_without_repeating_it(self, text: str) -> None:
        with pytest.raises(Invalid) as caught:
            keys.read(text)

        (detail,) = caught.value.details
        assert detail["field"] == "credential"
        assert len(text) < 4 or text not in str(detail)


class TestHeaders:
    def test_of_an_api_key(self) -> None:
        headers = Key(KeyForm.API_KEY, API_KEY).put_into({"anthropic-beta": "one"})

        assert headers == {"anthropic-beta": "one", "x-api-key": API_KEY}

    @pytest.mark.parametrize("betas", ["", "one", "one,oauth-2025-04-20", "oauth-2025-04-20"])
    def test_of_a_token_ask_for_what_takes_bearers_once(self, betas: str) -> None:
        headers = Key(KeyForm.OAUTH, TOKEN).put_into({"anthropic-beta": betas} if betas else {})

        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert "x-api-key" not in headers
        assert headers["anthropic-beta"].split(",") == [*(["one"] if "one" in betas else []), "oauth-2025-04-20"]


@pytest.mark.django_db
class TestOfAPlace:
    def store(self, organization: Organization, text: str = API_KEY) -> PlaceKey:
        return keys.set_place_key(organization_id=organization.pk, place_id=PLACE, text=text, now=NOW)

    def test_goes_before_the_organisations_and_that_before_the_deployments(
        self, organization: Organization, deployment_key: str, settings: Settings
    ) -> None:
        def used(place: uuid.UUID | None) -> str:
            key = keys.key_for(organization.pk, place, now=NOW)
            return key.text if key else ""

        services.set_provider_key(organization_id=organization.pk, key="sk-ant-api03-of-the-organisation", now=NOW)
        self.store(organization)

        assert (used(PLACE), used(OTHER)) == (API_KEY, "sk-ant-api03-of-the-organisation")
        keys.delete_place_key(place_id=PLACE)
        assert used(PLACE) == "sk-ant-api03-of-the-organisation"
        services.delete_provider_key(organization_id=organization.pk)
        assert used(PLACE) == DEPLOYMENT_KEY
        settings.ANTHROPIC_API_KEY = ""
        assert keys.key_for(organization.pk, PLACE, now=NOW) is None

    def test_is_none_of_another_organisations(self, organization: Organization, settings: Settings) -> None:
        settings.ANTHROPIC_API_KEY = ""
        self.store(organization)
        stranger = Organization.objects.create(name="stranger")

        assert keys.key_for(stranger.pk, PLACE, now=NOW) is None
        assert services.is_practice(stranger.pk, PLACE)
        assert not services.is_practice(organization.pk, PLACE)
        assert services.is_practice(organization.pk, OTHER)

    def test_is_sealed_and_replaced(self, organization: Organization) -> None:
        first = self.store(organization)
        row = self.store(organization, TOKEN)

        assert PlaceKey.objects.get().pk == first.pk
        assert TOKEN.encode() not in bytes(row.ciphertext)
        assert (row.form, row.last_four, row.updated_at) == (KeyForm.OAUTH, TOKEN[-4:], NOW)

    def test_that_has_run_out_is_not_replaced_by_what_would_be_next(
        self, organization: Organization, deployment_key: str
    ) -> None:
        until = NOW + dt.timedelta(minutes=1)
        self.store(organization, signed_in(expiresAt=until.timestamp() * 1000))

        assert keys.ran_out([PLACE, OTHER], NOW) == set()
        assert keys.ran_out([PLACE, OTHER], until) == {PLACE}
        with pytest.raises(keys.RanOut):
            keys.key_for(organization.pk, PLACE, now=until)

    def test_that_has_run_out_is_not_stored(self, organization: Organization) -> None:
        with pytest.raises(Invalid) as caught:
            self.store(organization, signed_in(expiresAt=1_000_000_000_000))
        assert "run out" in caught.value.details[0]["message"]
        assert not PlaceKey.objects.exists()

    def test_that_cannot_be_decrypted_is_not_replaced_either(
        self, organization: Organization, deployment_key: str, settings: Settings
    ) -> None:
        settings.ENCRYPTION_KEYS = ["old-" * 10]
        self.store(organization)
        settings.ENCRYPTION_KEYS = ["new-" * 10]

        with pytest.raises(SecretUnreadable):
            keys.key_for(organization.pk, PLACE, now=NOW)

    def test_is_told_without_itself_in_as_many_queries_for_many(
        self, organization: Organization, settings: Settings, django_assert_num_queries: object
    ) -> None:
        settings.ANTHROPIC_API_KEY = ""
        self.store(organization)

        with django_assert_num_queries(2):  # type: ignore[operator]
            told = keys.sources(organization.pk, [PLACE, OTHER, *(uuid.uuid4() for _ in range(20))])

        assert (told[PLACE].origin, told[PLACE].last_four, told[OTHER].origin) == (
            Origin.PLACE,
            "0001",
            Origin.PRACTICE,
        )
        assert API_KEY not in str(told)


class TestNow:
    def test_is_in_use_until_its_end(self) -> None:
        now = timezone.now()
        source = keys.Source(Origin.PLACE, expires_at=now)

        assert source.has_run_out(now)
        assert not source.has_run_out(now - dt.timedelta(seconds=1))
