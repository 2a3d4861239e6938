"""The doctor over a whole process, and its single findings under bad settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import doctor
from config.env import Env
from config.findings import Finding
from tests.config.deployment import Deployment


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    deployment = Deployment(is_migrated=False)
    yield deployment
    deployment.remove()


class TestCommand:
    def findings(self, deployment: Deployment, **environment: str) -> dict[str, dict[str, str]]:
        done = deployment.manage("doctor", "--json", **environment)
        return {finding["name"]: finding for finding in json.loads(done.stdout)}

    def test_reports_an_unmigrated_database_and_misspelt_variables(self, deployment: Deployment) -> None:
        findings = self.findings(deployment, SLIPWAY_DATADIR="/x")
        assert findings["database"]["level"] == "warning"
        assert "migrate" in findings["database"]["mend"]
        assert "SLIPWAY_DATADIR" in findings["variables"]["detail"]

    def test_says_how_to_mend_whatever_is_wrong(self, deployment: Deployment) -> None:
        assert [
            name
            for name, finding in self.findings(deployment).items()
            if finding["level"] != "ok" and not finding["mend"]
        ] == []

    def test_ends_with_1_when_the_database_cannot_be_reached(self, deployment: Deployment) -> None:
        done = deployment.manage("doctor", DATABASE_URL="postgresql://slipway@127.0.0.1:1/slipway")
        assert done.returncode == 1
        assert "ERROR    database" in done.stdout

    def test_never_prints_a_key(self, deployment: Deployment) -> None:
        done = deployment.manage("doctor", SLIPWAY_ANTHROPIC_API_KEY="sk-canary")
        assert "a deployment key is set" in done.stdout
        assert "sk-canary" not in done.stdout + done.stderr


class TestFindings:
    def test_bubblewrap_is_really_run(self) -> None:
        assert doctor.check_bubblewrap().level == "ok"

    def test_bubblewrap_missing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        finding = doctor.check_bubblewrap()
        assert finding.level == "error"
        assert "bubblewrap" in finding.mend

    def test_bubblewrap_forbidden(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        program = tmp_path / "bwrap"
        program.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 0.8.0 && exit 0\necho No permissions >&2; exit 1\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        finding = doctor.check_bubblewrap()
        assert (finding.level, finding.detail) == ("error", "No permissions")

    def test_git_missing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert doctor.check_git().level == "error"

    def test_keys_that_others_can_read(self, settings: Any, tmp_path: Path) -> None:
        (tmp_path / "keys").mkdir()
        (tmp_path / "keys" / "django").write_text("secret")
        (tmp_path / "keys" / "django").chmod(0o644)
        settings.DATA_DIR = tmp_path
        finding = doctor.check_keys()
        assert finding.level == "error"
        assert "django" in finding.detail
        assert "secret" not in finding.detail

    @pytest.mark.parametrize(
        ("base_url", "listen", "level"),
        [
            ("http://127.0.0.1:8470", "127.0.0.1:8470", "ok"),
            ("https://slipway.example", "127.0.0.1:8470", "ok"),  # one proxy, see below
            ("http://slipway.example", "0.0.0.0:80", "warning"),
            ("http://127.0.0.1:8470", "127.0.0.1:9000", "warning"),
            ("https://slipway.example/app", "127.0.0.1:8470", "error"),
            ("slipway.example", "127.0.0.1:8470", "error"),
        ],
    )
    def test_addresses(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch, base_url: str, listen: str, level: str
    ) -> None:
        settings.BASE_URL = base_url
        monkeypatch.setattr(doctor, "env", Env(listen=listen, trusted_proxies=1))
        assert doctor.check_address().level == level

    def test_a_proxy_that_is_not_counted(self, settings: Any) -> None:
        settings.BASE_URL = "https://slipway.example"
        assert "SLIPWAY_TRUSTED_PROXIES" in doctor.check_address().mend

    @pytest.mark.parametrize(("tenancy", "level"), [("single", "ok"), ("multi", "ok")])
    def test_tenancy(self, settings: Any, tenancy: str, level: str) -> None:
        settings.TENANCY = tenancy
        assert doctor.check_tenancy().level == level

    @pytest.mark.parametrize(
        ("listen", "token", "level"),
        [
            ("", "", "ok"),
            ("127.0.0.1:9470", "", "ok"),
            ("0.0.0.0:9470", "", "warning"),
            ("0.0.0.0:9470", "t" * 32, "ok"),
            ("", "short", "warning"),
        ],
    )
    def test_metrics_for_others_want_a_token(
        self, monkeypatch: pytest.MonkeyPatch, listen: str, token: str, level: str
    ) -> None:
        monkeypatch.setattr(doctor, "env", Env(metrics_listen=listen, metrics_token=token))
        assert doctor.check_metrics().level == level

    def test_telemetry_whose_package_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "_is_installed", lambda name: name != "sentry_sdk")
        monkeypatch.setattr(doctor, "env", Env(sentry_dsn="http://k@127.0.0.1/1", otlp_endpoint="http://127.0.0.1:1"))

        finding = doctor.check_telemetry()

        assert (finding.level, finding.detail) == ("error", "not installed: sentry_sdk")
        assert "extras.txt" in finding.mend

    def test_debug_where_others_can_reach_it(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.DEBUG = True
        monkeypatch.setattr(doctor, "env", Env(listen="0.0.0.0:8470"))
        assert doctor.check_debug().level == "error"

    def test_a_check_that_breaks_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def check_something() -> Finding:
            raise RuntimeError("odd")

        monkeypatch.setattr(doctor, "CHECKS", [check_something])
        assert doctor.examine() == [
            Finding("something", "error", "RuntimeError: odd", "this check could not be made; see the message")
        ]
