"""Fail points act as the environment says, and only then."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = "from runtime.failpoints import failpoint\nfor n in range(3):\n    failpoint('here')\n    print(n, flush=True)\n"


def run(rules: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SLIPWAY_FAILPOINTS": rules}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=30)


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
