"""The agent's program: shown inside where that can be done, else found there, or missed in plain words."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from environments.models import Environment
from sandbox.answers import Result
from sandbox.testing import ScriptedSandbox
from sessions.engine import cli, programs
from sessions.engine.programs import ProgramMissing
from tests.sessions.stage import Stage


async def bare(stage: Stage) -> ScriptedSandbox:
    """A sandbox that shows no folder of ours."""
    await stage.play(await stage.asend())
    stage.sandbox.capabilities = replace(stage.sandbox.capabilities, can_mount=False, has_gateway_socket=False)
    return stage.sandbox


async def configure(program: str) -> None:
    await Environment.objects.aupdate(config={"agent_path": program})


class TestProgramIn:
    async def test_is_where_it_is_here_when_it_is_shown(self, stage: Stage) -> None:
        await stage.play(await stage.asend())

        assert await programs.program_in(stage.sandbox, stage.session.pk) == str(cli.find_cli())

    async def test_is_what_the_environment_names_though_ours_is_shown(self, stage: Stage) -> None:
        await stage.play(await stage.asend())
        await configure("claude")
        stage.sandbox.guest.command = lambda argv, input: Result(0, b"/usr/local/bin/claude", b"", is_truncated=False)

        assert await programs.program_in(stage.sandbox, stage.session.pk) == "/usr/local/bin/claude"

    async def test_is_what_the_sandbox_finds(self, stage: Stage) -> None:
        sandbox, asked = await bare(stage), []

        def answer(argv: Sequence[str], input: bytes) -> Result:
            asked.append(list(argv))
            return Result(0, b"/opt/claude", b"", is_truncated=False)

        sandbox.guest.command = answer
        assert await programs.program_in(sandbox, stage.session.pk) == "/opt/claude"
        await configure("/opt/mine")
        await programs.program_in(sandbox, stage.session.pk)

        assert [argv[4:] for argv in asked] == [[str(cli.find_cli()), "claude"], ["/opt/mine"]]

    def test_finds_the_first_that_can_be_run(self, tmp_path: Path) -> None:
        plain, program = tmp_path / "plain", tmp_path / "program"
        plain.touch()
        program.touch(mode=0o755)
        probe = ["/bin/sh", "-c", programs.PROBE, "sh"]

        found = subprocess.run([*probe, "/nowhere", str(plain), str(program), "sh"], capture_output=True, check=False)
        at_home = subprocess.run([*probe, "~/../../bin/sh"], capture_output=True, check=False, env={"HOME": "/nowhere"})
        missed = subprocess.run([*probe, "/nowhere", str(plain)], capture_output=True, check=False)

        assert (found.returncode, found.stdout.decode(), missed.returncode) == (0, str(program), 1)
        assert at_home.stdout.decode() == f"{pwd.getpwuid(os.getuid()).pw_dir}/../../bin/sh"

    @pytest.mark.parametrize(("program", "where"), [("", "on the PATH"), ("/opt/mine", "at /opt/mine")])
    async def test_says_that_it_is_missing(self, stage: Stage, program: str, where: str) -> None:
        sandbox = await bare(stage)
        await configure(program)
        sandbox.guest.command = lambda argv, input: Result(1, b"", b"", is_truncated=False)

        with pytest.raises(ProgramMissing, match=f"no Claude Code program {where}"):
            await programs.program_in(sandbox, stage.session.pk)


class TestTheWayToTheGateway:
    async def test_is_the_public_address_where_there_is_no_socket(self, stage: Stage) -> None:
        sandbox = await bare(stage)
        sandbox.guest.command = lambda argv, input: Result(0, b"/workspace", b"", is_truncated=False)
        sandbox.guest.end_agent(stage.run_name)

        await stage.play(await stage.asend("two"))

        assert "ANTHROPIC_UNIX_SOCKET" not in stage.agent.env
        assert stage.agent.env["ANTHROPIC_BASE_URL"] == f"{settings.BASE_URL}/gateway/anthropic"
