"""The folder of agents' settings, linked to where the agent's program looks: only where the environment says so."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from environments.models import Environment
from sandbox.answers import Result
from sessions.engine import configuration
from tests.sessions.stage import Stage


class TestShow:
    @pytest.mark.parametrize(("is_shown", "times"), [(True, 1), (False, 0)])
    async def test_asks_the_sandbox_where_the_environment_says_so(
        self, stage: Stage, is_shown: bool, times: int
    ) -> None:
        await Environment.objects.aupdate(config={"mount_credentials": is_shown})
        asked = []

        def answer(argv: Sequence[str], input: bytes) -> Result:
            asked.append(list(argv[4:]))
            return Result(0, b"", b"", is_truncated=False)

        await stage.play(await stage.asend())
        stage.sandbox.guest.command = answer
        await configuration.show(stage.sandbox, stage.session.pk, "/home/agent")

        links = ["/run/slipway/credentials", "/home/agent", "claude", ".claude", "config/claude", ".config/claude"]
        assert asked == [links] * times


class TestLink:
    @pytest.fixture
    def shown(self, tmp_path: Path) -> Path:
        shown = tmp_path / "shown"
        (shown / "claude/skills/tea").mkdir(parents=True)
        (shown / "config/claude").mkdir(parents=True)
        (shown / "claude/skills/tea/SKILL.md").write_text("Make tea.")
        (shown / "claude/settings.json").write_text("{}")
        (shown / "claude/.credentials.json").write_text("{}")
        return shown

    def link(self, shown: Path, home: Path) -> None:
        pairs = [name for pair in configuration.PLACES.items() for name in pair]
        subprocess.run(["/bin/sh", "-c", configuration.LINK, "sh", shown, home, *pairs], check=True)

    def test_leads_from_where_the_program_looks_again_and_again(self, shown: Path, tmp_path: Path) -> None:
        home = tmp_path / "a home"
        for _ in range(2):
            self.link(shown, home)

        assert (home / ".claude/skills/tea/SKILL.md").read_text() == "Make tea."
        assert sorted(path.name for path in (home / ".claude").iterdir()) == [
            ".credentials.json",
            "settings.json",
            "skills",
        ]
        assert list((home / ".config/claude").iterdir()) == []

    def test_leaves_what_the_agent_has_and_takes_back_what_is_gone(self, shown: Path, tmp_path: Path) -> None:
        home = tmp_path / "home"
        (home / ".claude").mkdir(parents=True)
        (home / ".claude/settings.json").write_text("its own")
        (home / ".claude/elsewhere").symlink_to("/nowhere")
        self.link(shown, home)
        (shown / "claude/.credentials.json").unlink()

        self.link(shown, home)

        assert (home / ".claude/settings.json").read_text() == "its own"
        assert sorted(path.name for path in (home / ".claude").iterdir()) == ["elsewhere", "settings.json", "skills"]

    def test_is_of_nothing_where_nothing_is_shown(self, tmp_path: Path) -> None:
        self.link(tmp_path / "missing", tmp_path / "home")

        assert list((tmp_path / "home/.claude").iterdir()) == []
