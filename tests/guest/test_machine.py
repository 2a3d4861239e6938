"""What the guest's archive does on a machine reached over SSH, asked without a network."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.guest_archive import guest_archive

RUN = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
sys.argv = [sys.argv[1], *sys.argv[2:]]
from guest import machine
{before}
import json
print(json.dumps(machine.answer(sys.argv[1], json.loads(sys.argv[2]))))
"""


def ask(base: Path, before: str = "", **request: Any) -> dict[str, Any]:
    archive = guest_archive(base / ".guest")
    argv = [sys.executable, "-I", "-S", "-c", RUN.format(before=before), str(archive), str(base), json.dumps(request)]
    said: dict[str, Any] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return said


class TestAnswer:
    @pytest.mark.parametrize("folder", ["..", "../x", "a/b", "", "A", "x" * 60, ".guest", "a\nb"])
    def test_takes_names_of_folders_only(self, tmp_path: Path, folder: str) -> None:
        (tmp_path / "x").mkdir()

        for verb in ("look", "open", "trunk"):
            said = ask(tmp_path, verb=verb, folder=folder, machine_id="m")
            assert said["error"] == "bad_request"

    def test_says_that_a_file_system_runs_no_programs(self, tmp_path: Path) -> None:
        """As the kernel says it where it is mounted so, which only root can do."""
        before = "def run(*_, **__): raise PermissionError(13, 'Permission denied')\nsubprocess.run = run"

        said = ask(tmp_path, before, verb="check")

        assert (said["error"], said["reason"]) == ("noexec", str(tmp_path))
        assert [path.name for path in tmp_path.iterdir()] == [".guest"]

    def test_says_that_the_disk_is_full(self, tmp_path: Path) -> None:
        before = "def mkdir(*_, **__): raise OSError(28, 'No space left on device')\nos.mkdir = mkdir"

        said = ask(tmp_path, before, verb="open", folder="x", machine_id="m")

        assert said["error"] == "full"

    def test_follows_no_link_that_stands_in_a_sandboxs_place(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "kept").touch()
        (tmp_path / "base").mkdir()
        (tmp_path / "base" / "x").symlink_to(tmp_path / "elsewhere")

        assert ask(tmp_path / "base", verb="open", folder="x", machine_id="m")["error"] == "folder"
        ask(tmp_path / "base", verb="remove", folder="x", machine_id="no-such-machine")

        assert (tmp_path / "elsewhere" / "kept").exists()
        assert not os.path.lexists(tmp_path / "base" / "x")


class TestBoot:
    def test_is_plain_enough_for_an_old_python(self) -> None:
        source = (Path(__file__).parents[2] / "guest/boot.py").read_text()

        assert 'f"' not in source
        assert "->" not in source

    def test_tells_an_archive_that_is_not_the_one(self, tmp_path: Path) -> None:
        archive = guest_archive(tmp_path / ".guest")
        wanted = {"base": str(tmp_path), "archive": archive.name, "digest": "0" * 64, "request": {}}
        text = base64.b64encode(json.dumps(wanted).encode()).decode()
        program = Path(__file__).parents[2] / "guest/boot.py"
        tmp_path.chmod(0o700)

        said = subprocess.run([sys.executable, "-I", program, text], capture_output=True, check=True).stdout

        assert json.loads(said.strip().removeprefix(b"slipway:")) == {"error": "archive", "path": str(archive)}
