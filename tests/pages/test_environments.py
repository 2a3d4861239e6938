"""The forms of environments: made of the typed configuration, and shown again as they were sent, secrets excepted."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Organization, User
from environments import health, services
from environments.configs import MODELS
from environments.models import Environment
from environments.probes import Status
from environments.secrets import SECRETS as ALL_SECRETS
from pages.environment_fields import SECRETS, WORDINGS, config_fields
from projects.models import Project

pytestmark = pytest.mark.django_db
ADD = "/settings/environments/new/"


@pytest.fixture
def page(client: Client, alice: User, organization: Organization) -> Client:
    client.force_login(alice)
    return client


def modal(alice: User, organization: Organization) -> Environment:
    return services.create_environment(
        actor=actor_for(alice),
        organization_id=organization.pk,
        name="modal",
        kind="MODAL",
        config={"memory_mb": 4096},
        secrets={"token_id": "ak-1234567890abcd", "token_secret": "as-secret"},
        now=timezone.now(),
    )


class TestFields:
    @pytest.mark.parametrize("kind", sorted(MODELS))
    def test_all_have_words_of_their_own(self, kind: str) -> None:
        assert set(MODELS[kind].model_fields) <= set(WORDINGS)
        assert set(ALL_SECRETS.get(kind, ())) <= set(SECRETS)

    def test_take_their_limits_from_the_configuration(self) -> None:
        fields = {one.path: one for one in config_fields("DOCKER", {"pids": 64})}

        pids, runtime = fields["config.pids"], fields["config.runtime"]
        assert (pids.control, pids.value, pids.low, pids.high) == ("number", 64, 16, 65_536)
        assert (runtime.control, [value for value, _ in runtime.options]) == ("select", ["runc", "runsc"])


class TestCards:
    def test_show_a_command_that_advice_names_as_code(
        self, page: Client, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def probe(environment: Environment) -> Status:
            return Status(False, False, "Start <it> (`systemctl start docker`), or wait.")

        monkeypatch.setattr(health, "_probe_of", lambda kind: probe)
        cache.clear()

        shown = page.get(f"/settings/environments/?organization={organization.pk}&status=1").content.decode()

        assert "Start &lt;it&gt; (<code>systemctl start docker</code>), or wait." in shown


class TestDelete:
    def test_names_the_projects_whose_sessions_would_begin_elsewhere(self, page: Client, project: Project) -> None:
        place = Environment.objects.create(organization=project.organization, name="staging", kind="HOST")
        Project.objects.filter(pk=project.pk).update(default_environment=place)

        shown = page.get(f"/settings/environments/{place.pk}/delete/").content.decode()

        assert f"new sessions of the project {project.name}" in shown


class TestAdd:
    def send(self, page: Client, organization: Organization, **values: Any) -> Any:
        given = {"kind": "SSH", "name": "build", "ssh-host": "build.example.com", "ssh-username": "agent"}
        return page.post(f"{ADD}?organization={organization.pk}", given | values)

    def test_says_at_each_field_what_is_wrong_and_keeps_what_was_typed(
        self, page: Client, organization: Organization
    ) -> None:
        answer = self.send(
            page, organization, name="", **{"ssh-port": "70000", "ssh-secret-password": "do-not-show-this"}
        ).content.decode()

        assert answer.count('aria-invalid="true"') == 3  # the name, the port, and the host key
        assert "At most 65535." in answer
        assert 'value="build.example.com"' in answer
        assert "do-not-show-this" not in answer
        assert not Environment.objects.filter(kind="SSH").exists()

    def test_makes_one_of_a_form_that_is_sent_twice(self, page: Client, organization: Organization) -> None:
        key = "11111111-1111-4111-8111-111111111111"
        for _ in range(2):
            assert (
                page.post(
                    f"{ADD}?organization={organization.pk}", {"kind": "HOST", "name": "x", "key": key}
                ).status_code
                == 302
            )

        assert Environment.objects.filter(name="x").count() == 1


class TestEdit:
    def test_never_shows_a_secret_and_replaces_or_forgets_it(
        self, page: Client, alice: User, organization: Organization
    ) -> None:
        row = modal(alice, organization)
        path = f"/settings/environments/{row.pk}/"
        shown = page.get(path).content.decode()
        assert ("…abcd" in shown, "ak-1234" in shown, "as-secret" in shown) == (True, False, False)
        assert 'value="4096"' in shown

        page.post(path, {"name": "modal", "modal-app": "slipway", "forget-modal-secret-token_secret": "1"})

        assert [one.name for one in row.secrets.all()] == ["token_id"]
        row.refresh_from_db()
        assert row.config["memory_mb"] == 2048  # emptied: the default


class TestStrangers:
    def test_are_told_that_there_is_nothing(
        self, client: Client, alice: User, bob: User, charlie: User, organization: Organization
    ) -> None:
        row = modal(alice, organization)
        paths = [f"/settings/environments/{row.pk}/{end}" for end in ("", "delete/", "authenticate/")]
        for user, status in ((bob, 403), (charlie, 404)):
            client.force_login(user)
            assert {client.get(path).status_code for path in paths} == {status}
            assert client.post(f"{paths[0]}default/").status_code == status


class TestLeftBehind:
    def test_is_told_to_administrators_until_they_have_seen_to_it(
        self, page: Client, bob: User, alice: User, organization: Organization
    ) -> None:
        environment = modal(alice, organization)
        now, actor = timezone.now(), actor_for(alice)
        for _ in range(2):
            machine = services.create_machine(environment, subject_id=uuid.uuid4(), home_id=uuid.uuid4())
            services.machine_started(machine_id=machine.pk, handle={"root": "/home/agent/.slipway/ab12"}, now=now)
            services.home_not_cleared(machine=machine, error="Modal refused the token.", now=now)
        services.delete_environment(actor=actor, id=environment.pk, force=True, now=now)
        services.purge_environments(now=now + timedelta(days=8))
        address = f"/settings/environments/?organization={organization.pk}"
        other = Client()
        other.force_login(bob)

        shown = page.get(address).content.decode()

        assert "The files of 2 sandboxes in “modal” could not be removed. Modal refused the token." in shown
        assert "/home/agent/.slipway/ab12" in shown
        assert "could not be removed" not in other.get(address).content.decode()
        assert other.post(f"/settings/environments/{environment.pk}/left/").status_code == 403
        for _ in range(2):
            assert page.post(f"/settings/environments/{environment.pk}/left/").status_code == 302
        assert "could not be removed" not in page.get(address).content.decode()
