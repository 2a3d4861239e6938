"""SSH environments: from the row to the spec, and what their status says of a real machine."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization
from environments import health, secrets, specs
from environments.models import Environment
from sandbox.errors import SandboxRefused
from sandbox.spec import SshSpec
from tests import sshd

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slipway-ssh-") as path:
        cache.clear()
        yield Path(path)


def environment_on(server: sshd.Sshd, organization: Organization, folder: Path, **config: Any) -> Environment:
    account = server.account
    known = {"host": account.host, "port": account.port, "username": account.username, "host_key": account.host_key}
    made = Environment.objects.create(
        organization=organization, name="far", kind="SSH", config=known | {"work_dir": str(folder / "w")} | config
    )
    secrets.set_secret(environment=made, name="private_key", value=server.private_key, now=timezone.now())
    return made


def spec_of(environment: Environment) -> SshSpec:
    spec = specs.place_spec(environment, specs.facts_of([environment])[environment.pk])
    assert isinstance(spec, SshSpec)
    return spec


status_of = async_to_sync(health.status_of)


class TestSpec:
    def test_holds_what_the_row_says_and_the_secret_for_its_way_in(
        self, organization: Organization, folder: Path
    ) -> None:
        environment = environment_on(sshd.shared(), organization, folder)

        spec = spec_of(environment)

        assert (spec.account.host, spec.work_dir) == ("127.0.0.1", str(folder / "w"))
        assert spec.account.private_key is not None
        assert spec.account.password is None
        assert spec.folder == uuid.UUID(int=0).hex

    def test_asks_for_the_secret_that_is_missing(self, organization: Organization, folder: Path) -> None:
        environment = environment_on(sshd.shared(), organization, folder, auth="password")

        with pytest.raises(SandboxRefused, match="Enter the password for"):
            spec_of(environment)

    def test_of_tenants_leads_to_no_private_network_unless_that_is_allowed(
        self, organization: Organization, folder: Path, settings: Settings
    ) -> None:
        environment = environment_on(sshd.shared(), organization, folder)
        assert not spec_of(environment).account.must_be_public

        settings.TENANCY = "multi"
        assert spec_of(environment).account.must_be_public
        settings.SSH_PRIVATE_HOSTS = [f"127.0.0.1:{sshd.shared().port}"]
        assert not spec_of(environment).account.must_be_public


class TestStatus:
    def test_tells_what_the_machine_has(self, organization: Organization, folder: Path) -> None:
        program = folder / "claude"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        environment = environment_on(sshd.shared(), organization, folder, agent_path=str(program))

        told = status_of(environment)

        assert (told["error"], told["available"], told["authenticated"]) == ("", True, True)
        assert told["details"]["agent"] == str(program)
        assert told["details"]["git"].startswith("git version")
        assert not told["details"]["is_confined"]

    def test_tells_that_the_agents_program_is_missing(self, organization: Organization, folder: Path) -> None:
        environment = environment_on(sshd.shared(), organization, folder, agent_path="/nowhere/claude")

        told = status_of(environment)

        assert (told["available"], told["authenticated"]) == (False, True)
        assert "no Claude Code program at /nowhere/claude on 127.0.0.1" in told["error"]

    def test_finds_a_program_that_somebody_installed_for_this_account(
        self, organization: Organization, folder: Path
    ) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd") as server:
            program = folder / "sshd/home/.local/bin/claude"
            os.makedirs(program.parent)
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)

            told = status_of(environment_on(server, organization, folder))

        assert told["details"]["agent"] == str(program)

    def test_tells_a_refusal_from_a_machine_that_is_away(self, organization: Organization, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd") as server:
            environment = environment_on(server, organization, folder)
            stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
            secrets.set_secret(environment=environment, name="private_key", value=stranger, now=timezone.now())

            told = status_of(environment)
            assert (told["available"], told["authenticated"]) == (False, False)
            assert "does not accept this key" in told["error"]
            server.kill()
            health.forget(environment)

            assert "nothing listens there" in (status_of(environment))["error"]
