"""What `deploy/` says is what the code has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from config.env import Env

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("web", "worker", "migrate")
VARIABLES = {field.alias or f"SLIPWAY_{name.upper()}" for name, field in Env.model_fields.items()}


def example() -> dict[str, str]:
    lines = (DEPLOY / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def known(names: set[str]) -> set[str]:
    """Those that look like settings of ours and are none."""
    return {name for name in names if name.startswith("SLIPWAY_") or name.endswith("_URL")} - VARIABLES


def folder(mount: str) -> str:
    """Where a volume is seen in the container."""
    return mount.removesuffix(":ro").rsplit(":", 1)[1]


class TestCompose:
    @pytest.mark.parametrize("name", OURS)
    def test_sets_only_variables_that_exist(self, name: str) -> None:
        assert known(set(SERVICES[name]["environment"])) == set()

    @pytest.mark.parametrize("name", OURS)
    def test_runs_only_commands_that_exist(self, name: str) -> None:
        python, manage, command, *options = SERVICES[name]["command"]

        assert (python, manage) == ("python", "manage.py")
        assert command in get_commands()
        assert set(options) <= {"--no-web", "--no-worker"}

    def test_asks_for_nothing_that_the_example_leaves_out(self) -> None:
        text = (DEPLOY / "compose.yaml").read_text()
        assert set(re.findall(r"\$\{(\w+)", text)) <= set(example())
        assert known(set(example())) == set()

    def test_shows_the_web_nothing_that_an_agent_can_write(self) -> None:
        seen = {folder(mount) for mount in SERVICES["web"]["volumes"]}
        assert seen == {f"/var/lib/slipway/{name}" for name in ("vault", "keys", "logs")}

    def test_opens_nothing_to_others_but_the_proxy(self) -> None:
        opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        assert set(opened.pop("proxy")) == {"80:80", "443:443", "443:443/udp"}
        assert all(port.startswith("127.0.0.1:") for ports in opened.values() for port in ports)

    def test_has_no_password_of_its_own_and_asks_for_each(self) -> None:
        assert {name: value for name, value in example().items() if "PASSWORD" in name or "KEY" in name} == {
            "POSTGRES_PASSWORD": "",
            "REDIS_PASSWORD": "",
            "SLIPWAY_ANTHROPIC_API_KEY": "",
        }
        for name in OURS:
            assert "${POSTGRES_PASSWORD:?" in SERVICES[name]["environment"]["DATABASE_URL"]
            assert "${REDIS_PASSWORD:?" in SERVICES[name]["environment"]["REDIS_URL"]
        assert SERVICES["redis"]["command"][-2:] == ["--requirepass", "${REDIS_PASSWORD}"]

    @pytest.mark.parametrize("name", ["web", "migrate"])
    def test_gives_what_holds_no_agent_no_rights(self, name: str) -> None:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in SERVICES[name]

    def test_waits_for_the_database_to_be_migrated(self) -> None:
        assert SERVICES["web"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert SERVICES["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}

    def test_gives_each_process_longer_than_it_takes_to_leave(self) -> None:
        assert all(SERVICES[name]["stop_grace_period"] == "20s" for name in OURS)

    def test_names_only_services_and_files_that_exist(self) -> None:
        wanted = {other for service in SERVICES.values() for other in service.get("depends_on", ())}
        assert wanted <= set(SERVICES)
        assert (DEPLOY / SERVICES["web"]["healthcheck"]["test"][2]).name == "healthy.py"
        assert (ROOT / SERVICES["web"]["healthcheck"]["test"][2]).exists()
        assert (DEPLOY / SERVICES["web"]["build"]["context"] / SERVICES["web"]["build"]["dockerfile"]).exists()


class TestImage:
    def test_has_no_filled_in_secrets(self) -> None:
        """`COPY . .` takes all that is not left out."""
        left_out = (ROOT / ".dockerignore").read_text().splitlines()
        assert {"**/.env", "**/*.env", ".data", ".git"} <= set(left_out)
        assert re.search(r"^USER slipway$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    def test_copies_only_what_exists(self) -> None:
        copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
        assert copied
        assert [name for names in copied for name in shlex.split(names) if not (ROOT / name).exists()] == []

    def test_sets_only_variables_that_exist(self) -> None:
        text = (DEPLOY / "Dockerfile").read_text()
        assert known(set(re.findall(r"\b([A-Z_]+)=", text))) == set()


class TestUnit:
    def test_leaves_agents_alone_at_a_restart(self) -> None:
        assert "\nKillMode=process\n" in (DEPLOY / "slipway-worker.service").read_text()


class TestReadme:
    def test_names_only_variables_that_exist(self) -> None:
        named = set(
            re.findall(r"\b(?:SLIPWAY_[A-Z_]*[A-Z]|DATABASE_URL|REDIS_URL)\b", (DEPLOY / "README.md").read_text())
        )
        assert named <= VARIABLES
