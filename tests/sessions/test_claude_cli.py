"""Finding the CLI."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from sessions.engine import cli


class TestFindCli:
    def test_takes_the_configured_program(self, settings: Settings, tmp_path: Path) -> None:
        program = tmp_path / "claude"
        program.touch()
        settings.CLAUDE_CLI = str(program)

        assert cli.find_cli() == program

    def test_says_that_the_configured_program_is_not_there(self, settings: Settings) -> None:
        settings.CLAUDE_CLI = "/nowhere/claude"

        with pytest.raises(cli.CliMissing, match="SLIPWAY_CLAUDE_CLI"):
            cli.find_cli()

    def test_says_how_to_install_what_is_missing(self, settings: Settings, tmp_path: Path) -> None:
        settings.CLAUDE_CLI, settings.AGENTS_DIR = "", tmp_path

        with pytest.raises(cli.CliMissing, match="Run set-up again"):
            cli.find_cli()

    def test_takes_the_pinned_program_of_this_platform(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr("sys.platform", "linux")
        program = tmp_path / "claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude"
        program.parent.mkdir(parents=True)
        program.touch()
        settings.CLAUDE_CLI, settings.AGENTS_DIR = "", tmp_path

        assert cli.find_cli() == program
