"""The practice model's routines, carried out by the real CLI."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sessions import claude
from tests.contract import agent, server
from tests.contract.agent import Agent

pytestmark = pytest.mark.cli

SAMPLE = Path(__file__).resolve().parents[2] / "projects" / "sample"


@contextlib.asynccontextmanager
async def working(mode: str = "default") -> AsyncIterator[Agent]:
    async with server.serving() as api, agent.running(url=api.url, mode=mode) as cli:
        yield cli


async def allow_all(cli: Agent, count: int, answers: dict[str, str] | None = None) -> list[claude.PermissionAsked]:
    """Allow so many requests and wait for the end of the turn."""
    asked = []
    for nth in range(1, count + 1):
        asked.append(await cli.wait(claude.PermissionAsked, nth=nth))
        given = answers if asked[-1].kind == "QUESTION" else None
        await cli.send(claude.answer_allow(asked[-1].request_id, asked[-1].input, answers=given))
    await cli.wait(claude.TurnEnded)
    return asked


def last_text(cli: Agent) -> str:
    return str(cli.entries("assistant.text")[-1]["text"])


class TestRoutines:
    async def test_writes_a_program_and_reports_that_its_test_passed(self) -> None:
        async with working() as cli:
            await cli.prompt("Write a fibonacci program")
            await allow_all(cli, 3)

            assert sorted(file.name for file in cli.work.iterdir()) == ["fibonacci.py", "test_fibonacci.py"]

        assert "practice model, not a real one" in cli.entries("assistant.text")[0]["text"]
        assert last_text(cli).startswith("The tests passed")

    async def test_says_that_it_does_not_know_when_the_run_is_denied(self) -> None:
        async with working("acceptEdits") as cli:
            await cli.prompt("Write something")
            asked = await cli.wait(claude.PermissionAsked)
            await cli.send(claude.answer_deny(asked.request_id, "No running today."))
            await cli.wait(claude.TurnEnded)

        assert "was not run: No running today." in last_text(cli)

    async def test_plans_before_it_writes(self) -> None:
        async with working() as cli:
            await cli.prompt("Make a plan first")
            asked = await allow_all(cli, 4)

        assert [request.kind for request in asked] == ["PLAN", "TOOL", "TOOL", "TOOL"]
        assert last_text(cli).startswith("The tests passed")

    async def test_uses_the_answer_to_its_question(self) -> None:
        async with working() as cli:
            await cli.prompt("Ask me what to do")
            await allow_all(cli, 4, answers={"Which small program shall I write?": "Primes"})

            assert (cli.work / "primes.py").exists()

        assert last_text(cli).startswith("The tests passed")

    async def test_hands_on_what_the_sub_agent_found(self) -> None:
        async with working() as cli:
            (cli.work / "only.txt").write_text("x")
            track(cli.work)
            await cli.prompt("Use a sub-agent")
            await cli.wait(claude.TurnEnded)

        assert "Tracked files in this work tree: 1, among them only.txt." in last_text(cli)

    async def test_mends_the_bug_of_the_sample_project(self) -> None:
        async with working() as cli:
            shutil.copytree(SAMPLE, cli.work, dirs_exist_ok=True)
            track(cli.work)
            await cli.prompt("Run the tests, find out why one fails, and fix the program.")
            await allow_all(cli, 3)
            is_mended = passes(cli.work, "test_wordcount.TestCountWords.test_takes_no_notice_of_case")
            is_all_well = passes(cli.work)

        assert any("The tests failed" in payload["text"] for payload in cli.entries("assistant.text"))
        assert is_mended
        assert last_text(cli).startswith("The tests passed" if is_all_well else "The tests failed")


def passes(folder: Path, *names: str) -> bool:
    command = [sys.executable, "-B", "-m", "unittest", *names]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def track(folder: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
