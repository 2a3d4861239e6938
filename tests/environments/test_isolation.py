"""Where several tenants share a server, nothing that shares its kernel is used: told at start, and when asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from config import doctor, places
from environments import configs, isolation
from environments.errors import KindNotAvailable
from environments.models import EnvironmentKind
from tests import engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shared(settings: Settings) -> Settings:
    settings.TENANCY = "multi"
    return settings


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("ALLOW_UNCONFINED", True, "server's own user"),
            ("DOCKER_RUNTIMES", ["runc", "runsc"], "plain runc"),
            ("DOCKER_BUILDS", True, "image builds"),
            ("SSH_AGENT", "/run/agent", "operator's SSH agent"),
        ],
    )
    def test_are_told_at_start_and_by_the_doctor(self, shared: Settings, name: str, value: object, words: str) -> None:
        assert run_checks(tags=["slipway"]) == []
        setattr(shared, name, value)

        [error] = run_checks(tags=["slipway"])
        assert words in error.msg
        assert f"SLIPWAY_{name}" in str(error.hint)
        finding = doctor.check_tenancy()
        assert finding.level == "error"
        assert words in finding.detail

    @pytest.mark.parametrize(("name", "value"), [("DOCKER_RUNTIMES", ["runc"]), ("DOCKER_BUILDS", True)])
    def test_are_none_where_all_trust_one_another(self, settings: Settings, name: str, value: object) -> None:
        setattr(settings, name, value)

        assert isolation.refusals() == []

    def test_name_a_runtime_that_there_is_not(self, settings: Settings) -> None:
        settings.DOCKER_RUNTIMES = ["kata"]

        assert "kata" in isolation.refusals()[0].message

    def test_a_server_does_not_start(self, tmp_path: Path) -> None:
        """The real command, before it makes or opens anything."""
        asked = {"SLIPWAY_TENANCY": "multi", "SLIPWAY_DOCKER_BUILDS": "1", "SLIPWAY_DATA_DIR": str(tmp_path / "data")}
        command = [sys.executable, str(ROOT / "manage.py"), "serve"]

        done = subprocess.run(
            command, env={"PATH": os.environ["PATH"], **asked}, capture_output=True, text=True, timeout=60
        )

        assert done.returncode == 1
        assert "SLIPWAY_TENANCY=multi refuses image builds" in done.stderr
        assert "Unset SLIPWAY_DOCKER_BUILDS" in done.stderr


class TestRequireIsolated:
    @pytest.mark.parametrize(
        ("kind", "config", "field"),
        [(EnvironmentKind.HOST, {}, "kind"), (EnvironmentKind.DOCKER, {"runtime": "runc"}, "config.runtime")],
    )
    def test_refuses_what_shares_the_kernel(
        self, shared: Settings, kind: str, config: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(KindNotAvailable) as caught:
            configs.require_available(kind, config)

        assert caught.value.details[0]["field"] == field

    def test_takes_gvisor(self, shared: Settings) -> None:
        configs.require_available(EnvironmentKind.DOCKER, {"runtime": "runsc"})

    def test_goes_by_the_operators_list(self, settings: Settings) -> None:
        configs.require_available(EnvironmentKind.DOCKER, {"runtime": "runc"})
        settings.DOCKER_RUNTIMES = ["runsc"]

        with pytest.raises(KindNotAvailable, match="only with runsc"):
            configs.require_available(EnvironmentKind.DOCKER, {"runtime": "runc"})


class TestDoctor:
    def test_knows_the_engines_runtimes(self, settings: Settings) -> None:
        settings.DOCKER_HOST = engine.required().url

        assert places.check_docker().level == "ok"

    def test_says_when_the_engine_that_was_named_is_not_there(self, settings: Settings) -> None:
        settings.DOCKER_HOST = "unix:///nowhere/docker.sock"

        assert places.check_docker().level == "error"


class TestNetwork:
    def test_is_none_or_one_that_the_operator_names(self, settings: Settings) -> None:
        for name in ("bridge", "host", "ours"):
            with pytest.raises(KindNotAvailable):
                configs.require_available(EnvironmentKind.DOCKER, {"network": name})
        settings.DOCKER_NETWORKS = ["ours"]

        configs.require_available(EnvironmentKind.DOCKER, {"network": "ours"})
        configs.require_available(EnvironmentKind.DOCKER, {"network": "none"})


def test_the_operators_ssh_agent_is_lent_where_all_trust_one_another(settings: Settings) -> None:
    assert isolation.lent_agent() is None
    settings.SSH_AGENT = "/run/agent"
    assert isolation.lent_agent() == Path("/run/agent")
    settings.TENANCY = "multi"
    assert isolation.lent_agent() is None
