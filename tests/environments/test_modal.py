"""Modal environments: whose token is used, what the sandbox's spec says, and whether the place answers."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Organization
from environments import specs
from environments.models import Environment, EnvironmentKind
from environments.probes import modal as probe
from environments.services import create_default_environment
from environments.specs import Facts, Wanted
from sandbox.errors import BackendUnavailable, SandboxRefused
from sandbox.spec import ModalCredential, ModalSpec
from tests.fakes.modal import TOKEN_ID, TOKEN_SECRET
from tests.fakes.modal.shared import local_modal

OWN = {"token_id": "ak-own", "token_secret": "as-own"}


def environment(**config: Any) -> Environment:
    return Environment(organization_id=uuid.uuid4(), name="m", kind=EnvironmentKind.MODAL, config=config)


def spec_of(row: Environment, secrets: dict[str, str]) -> ModalSpec:
    facts = replace(Facts("d" * 32), secrets=secrets)
    built = specs.spec_for(Wanted(environment=row, facts=facts, machine_id="m", home_id=uuid.uuid4()))
    assert isinstance(built, ModalSpec)
    return built


class TestSpec:
    def test_has_what_the_requirements_say_by_default(self) -> None:
        spec = spec_of(environment(), OWN)

        assert (spec.idle_timeout_s, spec.memory_mb, spec.block_network, spec.image) == (600, 2048, True, "")
        assert spec.credential == ModalCredential("ak-own", "as-own")
        assert spec.agent_version[0].isdigit()

    def test_shows_no_secret(self) -> None:
        assert "as-own" not in repr(spec_of(environment(), OWN))

    def test_takes_the_deployments_token_where_there_is_no_own(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = "ak-all", "as-all"
        settings.MODAL_SKILLS_VOLUME = "skills"

        spec = spec_of(environment(), {})

        assert spec.credential == ModalCredential("ak-all", "as-all")
        assert spec.skills_volume == "skills"
        assert spec_of(environment(), OWN).skills_volume == ""

    def test_gives_no_tenant_another_volume_of_the_deployments_workspace(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = "ak-all", "as-all"

        with pytest.raises(SandboxRefused):
            spec_of(environment(skills_volume="slipway-dddddddd-another-work"), {})

    @pytest.mark.parametrize("secrets", [{}, {"token_id": "ak-own"}, {"token_secret": "as-own"}])
    def test_says_what_to_enter(self, secrets: dict[str, str]) -> None:
        with pytest.raises(SandboxRefused, match="Modal token"):
            spec_of(environment(), secrets)

    def test_splits_the_names_that_may_be_reached(self) -> None:
        spec = spec_of(environment(block_network=False, domains="packages.example.org, *.example.com"), OWN)

        assert spec.domains == ("packages.example.org", "*.example.com")


@pytest.mark.django_db(transaction=True)
class TestProbe:
    @pytest.fixture(autouse=True)
    def _local(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in local_modal().environment.items():
            monkeypatch.setenv(name, value)

    async def test_says_whether_the_app_is_there(self, settings: Settings) -> None:
        settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = TOKEN_ID, TOKEN_SECRET

        status = await probe.probe(environment(app="never-made"))

        assert (status.available, status.authenticated) == (True, True)
        assert status.details == {"app": "never-made", "app_exists": False, "own_token": False}

    async def test_says_that_a_token_is_missing_or_wrong(self, settings: Settings) -> None:
        assert not (await probe.probe(environment())).authenticated
        settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = TOKEN_ID, "as-wrong"

        with pytest.raises(BackendUnavailable, match="token"):
            await probe.probe(environment())


@pytest.mark.django_db
class TestDefault:
    def test_is_modal_where_the_deployment_wants_it(self, settings: Settings, organization: Organization) -> None:
        settings.DEFAULT_ENVIRONMENT = "MODAL"
        settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET = "ak-all", "as-all"
        Environment.objects.filter(organization=organization).delete()

        made = create_default_environment(organization)

        assert (made.kind, made.is_default, made.config["timeout_s"]) == ("MODAL", True, 600)

    def test_falls_back_to_this_machine_without_a_token(self, settings: Settings, organization: Organization) -> None:
        settings.DEFAULT_ENVIRONMENT = "MODAL"
        Environment.objects.filter(organization=organization).delete()

        assert create_default_environment(organization).kind == "HOST"
