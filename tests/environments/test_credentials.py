"""Folders for agents' own credentials: for the server alone, and shown to agents only where somebody allowed it."""

from __future__ import annotations

import stat

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from environments import credentials
from environments.models import Environment
from tests.client import ApiClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment(organization: Organization) -> Environment:
    return Environment.objects.get(organization=organization)


@pytest.fixture
def showing(environment: Environment) -> Environment:
    environment.config = {"mount_credentials": True}
    environment.save()
    return environment


class TestMounts:
    def test_are_none_unless_the_environment_says_so(self, environment: Environment) -> None:
        assert credentials.mounts(environment) == ()

    def test_are_the_two_folders(self, showing: Environment) -> None:
        root = credentials.folder(showing.pk)

        assert {mount.source: mount.target for mount in credentials.mounts(showing)} == {
            root / "claude": "/run/slipway/credentials/claude",
            root / "config/claude": "/run/slipway/credentials/config/claude",
        }
        assert stat.S_IMODE((root / "claude").stat().st_mode) == 0o700

    def test_are_none_where_tenants_share_a_server(self, showing: Environment, settings: Settings) -> None:
        settings.TENANCY = "multi"

        assert credentials.mounts(showing) == ()


class TestApi:
    def test_stores_replaces_and_forgets_without_showing(
        self, api: type[ApiClient], alice: User, showing: Environment
    ) -> None:
        path = f"/environments/{showing.pk}/credential"
        file = credentials.folder(showing.pk) / credentials.FILE
        for text in ("first", "second"):
            answer = api(alice).put(path, {"credential": text})
            assert (answer.status_code, answer.json()["is_used"]) == (200, True)
            assert text not in answer.content.decode()
            assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (f"{text}\n", 0o600)
        assert [path.name for path in file.parent.iterdir()] == [file.name]

        assert api(alice).get(path).json()["stored_at"] is not None
        assert api(alice).delete(path).status_code == 204
        assert api(alice).get(path).json()["stored_at"] is None

    def test_says_that_the_gateways_key_is_used(
        self, api: type[ApiClient], alice: User, environment: Environment
    ) -> None:
        answer = api(alice).put(f"/environments/{environment.pk}/credential", {"credential": "x"})

        assert answer.status_code == 409
        assert "gateway" in answer.json()["message"]
        assert not (credentials.folder(environment.pk) / credentials.FILE).exists()

    @pytest.mark.parametrize("text", ["", "  \n", "a\x00b"])
    def test_refuses_what_is_none(self, api: type[ApiClient], alice: User, showing: Environment, text: str) -> None:
        assert api(alice).put(f"/environments/{showing.pk}/credential", {"credential": text}).status_code == 400

    def test_refuses_the_flag_where_tenants_share_a_server(
        self, api: type[ApiClient], alice: User, environment: Environment, settings: Settings
    ) -> None:
        settings.TENANCY = "multi"

        answer = api(alice).patch(f"/environments/{environment.pk}", {"config": {"mount_credentials": True}})

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "config.mount_credentials"
