"""Fail points act as the environment says, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "from runtime.failpoints import failpoint\nfor n in range(3):\n    failpoint('here')\n    print(n, flush=True)\n"
)


def run(rules: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SLIPWAY_FAILPOINTS": rules}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)


class TestFailpoint:
    @pytest.mark.parametrize("rules", ["", "elsewhere=kill", "here=kill@9", "here=kill%0"])
    def test_does_nothing_unless_it_is_meant(self, rules: str) -> None:
        assert run(rules).stdout.split() == ["0", "1", "2"]

    def test_kills_at_the_hit_that_was_named(self) -> None:
        done = run("here=kill@2")
        assert (done.stdout.split(), done.returncode) == (["0"], -9)

    def test_raises_an_error(self) -> None:
        assert "InjectedFault: injected at here" in run("here=error").stderr

    def test_refuses_an_action_that_it_does_not_know(self) -> None:
        assert "known are kill, sleep, error" in run("here=explode").stderr


class TestRulesInAFile:
    def test_act_once_whichever_process_comes_first(self, tmp_path: Path) -> None:
        rules = tmp_path / "rules"
        rules.write_text("here=kill@2")

        first, second = run(f"file:{rules}"), run(f"file:{rules}")

        assert (first.stdout.split(), first.returncode) == (["0"], -9)
        assert (second.stdout.split(), second.returncode) == (["0", "1", "2"], 0)
        assert not rules.exists()

    def test_note_each_place_that_is_passed(self, tmp_path: Path) -> None:
        run(f"file:{tmp_path}/rules")

        assert (tmp_path / "rules.passed").read_text().split() == ["here"] * 3

    def test_are_read_when_they_come(self, tmp_path: Path) -> None:
        program = PROGRAM.replace(
            "    print", f"    open({str(tmp_path / 'rules')!r}, 'w').write('here=error') if n == 1 else 0\n    print"
        )
        environment = {**os.environ, "SLIPWAY_FAILPOINTS": f"file:{tmp_path}/rules"}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)

        assert done.stdout.split() == ["0", "1"]
        assert "injected at here" in done.stderr


class TestTheServer:
    def test_refuses_fail_points_outside_debug(self, tmp_path: Path) -> None:
        ours = {"SLIPWAY_FAILPOINTS": "x=kill", "SLIPWAY_DEBUG": "0", "SLIPWAY_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "manage.py", "serve"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, timeout=60)

        assert done.returncode != 0
        assert "SLIPWAY_FAILPOINTS" in done.stderr
        assert "SLIPWAY_DEBUG" in done.stderr
