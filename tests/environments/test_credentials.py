"""The credential that an environment's sessions call the model with, and its folder of the agents' own settings."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from accounts.models import Organization, User
from environments import credentials, health
from environments.models import Environment
from gateway import keys
from gateway import services as gateway
from gateway.models import PlaceKey
from tests.client import ApiClient

pytestmark = pytest.mark.django_db

API_KEY = "sk-ant-api03-of-the-environment-wxyz"
TOKEN = "sk-ant-oat01-of-the-environment-stuv"


@pytest.fixture
def environment(organization: Organization, settings: Settings) -> Environment:
    settings.ANTHROPIC_API_KEY = ""
    return Environment.objects.get(organization=organization)


@pytest.fixture
def showing(environment: Environment) -> Environment:
    environment.config = {"mount_credentials": True}
    environment.save()
    return environment


class TestFolder:
    def test_is_closed_and_shown_to_nobody_unless_the_environment_says_so(self, environment: Environment) -> None:
        root = credentials.make(environment.pk)

        assert credentials.mounts(environment) == ()
        folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
        assert len(folders) == 4

    def test_is_shown_as_two_that_another_user_can_read_inside_alone(self, showing: Environment) -> None:
        root = credentials.make(showing.pk)
        skill, secret = root / "claude/skills/tea/SKILL.md", root / "claude/.credentials.json"
        skill.parent.mkdir(parents=True, mode=0o700)
        for path in (skill, secret):
            path.write_text("x")
            path.chmod(0o600)
        outside = root.parent / "outside"
        outside.write_text("x")
        outside.chmod(0o600)
        (root / "claude/link").symlink_to(outside)

        assert {mount.source: mount.target for mount in credentials.mounts(showing)} == {
            root / "claude": "/run/slipway/credentials/claude",
            root / "config/claude": "/run/slipway/credentials/config/claude",
        }
        assert {stat.S_IMODE(path.stat().st_mode) & 0o007 for path in (skill, secret)} == {0o004}
        assert stat.S_IMODE(skill.parent.stat().st_mode) & 0o007 == 0o005
        assert stat.S_IMODE(root.stat().st_mode) == 0o700  # what keeps everybody else out
        assert stat.S_IMODE(outside.stat().st_mode) == 0o600

    def test_can_hold_a_socket_or_a_pipe_without_harm(self, showing: Environment) -> None:
        os.mkfifo(credentials.make(showing.pk) / "claude/pipe")

        assert len(credentials.mounts(showing)) == 2

    def test_is_not_shown_where_tenants_share_a_server(self, showing: Environment, settings: Settings) -> None:
        settings.TENANCY = "multi"

        assert credentials.mounts(showing) == ()


class TestApi:
    def test_stores_replaces_and_forgets_without_showing(
        self, api: type[ApiClient], alice: User, environment: Environment
    ) -> None:
        path = f"/environments/{environment.pk}/credential"
        for text, form in ((API_KEY, "API_KEY"), (TOKEN, "OAUTH")):
            answer = api(alice).put(path, {"credential": f"{text}\n"})
            told = answer.json()
            assert (answer.status_code, told["origin"], told["form"]) == (200, "PLACE", form)
            assert told["last_four"] == text[-4:]
            assert text not in answer.content.decode()
            key = keys.key_for(environment.organization_id, environment.pk, now=timezone.now())
            assert key is not None
            assert key.text == text

        assert api(alice).get(path).json()["stored_at"] is not None
        assert api(alice).delete(path).status_code == 204
        assert api(alice).get(path).json()["origin"] == "PRACTICE"
        assert not PlaceKey.objects.exists()

    def test_says_whose_key_is_used_otherwise_and_its_end_to_admins_alone(
        self, api: type[ApiClient], alice: User, bob: User, environment: Environment
    ) -> None:
        path, own = f"/environments/{environment.pk}/credential", "sk-ant-api03-of-the-organisation-1234"
        gateway.set_provider_key(organization_id=environment.organization_id, key=own, now=timezone.now())

        assert [api(alice).get(path).json()[name] for name in ("origin", "last_four")] == ["ORGANIZATION", "1234"]
        assert [api(bob).get(path).json()[name] for name in ("origin", "last_four")] == ["ORGANIZATION", ""]

    @pytest.mark.parametrize("text", ["", "  \n", "{}", "short"])
    def test_refuses_what_is_none(self, api: type[ApiClient], alice: User, environment: Environment, text: str) -> None:
        answer = api(alice).put(f"/environments/{environment.pk}/credential", {"credential": text})

        assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "credential")
        assert not PlaceKey.objects.exists()

    def test_refuses_to_show_the_folder_where_tenants_share_a_server(
        self, api: type[ApiClient], alice: User, environment: Environment, settings: Settings
    ) -> None:
        settings.TENANCY = "multi"

        answer = api(alice).patch(f"/environments/{environment.pk}", {"config": {"mount_credentials": True}})

        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == "config.mount_credentials"


class TestStatus:
    async def test_tells_of_a_credential_that_has_run_out(self, environment: Environment) -> None:
        await PlaceKey.objects.acreate(
            organization_id=environment.organization_id,
            place_id=environment.pk,
            form="OAUTH",
            ciphertext=b"",
            last_four="abcd",
            expires_at=timezone.now(),
            updated_at=timezone.now(),
        )
        cache.clear()

        status = await health.status_of(environment)

        assert (status["available"], status["authenticated"]) == (True, False)
        assert "run out" in status["error"]


class TestPractice:
    def test_is_told_of_each_environment_that_has_no_key(
        self, api: type[ApiClient], alice: User, environment: Environment
    ) -> None:
        own = Environment.objects.create(organization=environment.organization, name="own", kind="HOST")
        keys.set_place_key(organization_id=own.organization_id, place_id=own.pk, text=API_KEY, now=timezone.now())
        path = f"/environments?organization_id={environment.organization_id}"

        def practising() -> dict[str, bool]:
            return {one["name"]: one["is_practice"] for one in api(alice).get(path).json()["items"]}

        assert practising() == {environment.name: True, "own": False}
        gateway.set_provider_key(organization_id=environment.organization_id, key=API_KEY, now=timezone.now())
        assert practising() == {environment.name: False, "own": False}


class TestPage:
    def test_says_which_key_is_used_and_takes_another(
        self, client: Client, alice: User, bob: User, environment: Environment
    ) -> None:
        client.force_login(alice)
        listing = f"/settings/environments/?organization={environment.organization_id}"
        form = f"/settings/environments/{environment.pk}/authenticate/"
        assert "Practice model (no key)" in client.get(listing).content.decode()

        refused = client.post(form, {"credential": "x y"}).content.decode()
        assert "Paste an API key" in refused
        assert "x y" not in refused
        assert client.post(form, {"credential": TOKEN}).status_code == 302

        assert "Its own OAuth token, …stuv" in client.get(listing).content.decode()
        assert TOKEN not in client.get(form).content.decode()
        client.force_login(bob)
        shown = client.get(listing).content.decode()
        assert "Its own OAuth token" in shown
        assert "stuv" not in shown
        client.force_login(alice)
        client.post(form, {"forget": "1"})
        assert "Practice model (no key)" in client.get(listing).content.decode()

    def test_asks_as_often_for_many(
        self,
        client: Client,
        alice: User,
        environment: Environment,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        def queries() -> int:
            with django_assert_max_num_queries(100) as seen:
                client.get(f"/settings/environments/?organization={environment.organization_id}")
            return len(seen)

        client.force_login(alice)
        queries()
        few = queries()
        Environment.objects.bulk_create(
            Environment(organization=environment.organization, name=f"e {number}", kind="HOST") for number in range(50)
        )

        assert queries() == few


class TestDeletion:
    def test_forgets_it_for_good_when_it_cannot_be_taken_back(
        self, api: type[ApiClient], alice: User, environment: Environment, settings: Settings
    ) -> None:
        from environments.services import purge_environments

        second = Environment.objects.create(organization=environment.organization, name="second", kind="HOST")
        api(alice).put(f"/environments/{second.pk}/credential", {"credential": API_KEY})
        root: Path = credentials.make(second.pk)
        assert api(alice).delete(f"/environments/{second.pk}").status_code == 204
        assert PlaceKey.objects.exists()
        settings.UNDO_S = 0

        purge_environments(now=timezone.now())

        assert not PlaceKey.objects.exists()
        assert not root.exists()
