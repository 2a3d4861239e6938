"""What is run by hand, and so by nobody for weeks, starts at all."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.journeys.server import ROOT


class TestEachProgram:
    @pytest.mark.parametrize("name", ["tests.faults", "tests.faults.chaos"])
    def test_starts_without_pytest(self, name: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO_")}

        asked = [sys.executable, "-m", name, "--help"]
        done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)

        assert done.returncode == 0, done.stderr
        assert "--seed" in done.stdout
