"""What the real CLI makes of its record when that was torn by a kill, and mended by the guest; and when it is gone."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from sandbox.client import GuestClient
from sandbox.connection import Streams
from sandbox.guest_archive import guest_archive
from sessions import claude
from sessions.engine import cli
from tests.contract import agent, server
from tests.contract.agent import script
from tests.contract.server import PracticeServer

pytestmark = pytest.mark.cli


async def remember(api: PracticeServer, folder: Path) -> tuple[uuid.UUID, Path]:
    """A conversation whose agent is killed; its id, and where its record is."""
    async with agent.running(url=api.url, folder=folder) as told:
        await told.prompt(script([{"text": "The word is heron."}], text="Remember the word heron"))
        session_id = uuid.UUID((await told.wait(claude.Initialized)).claude_session_id)
        await told.wait(claude.TurnEnded)
        await told.prompt(script([{"tool": "Bash", "input": {"command": "touch asked"}}], text="Now wait"))
        await told.wait(claude.PermissionAsked)
        path = Path(claude.transcript_path(str(folder / "home"), str(folder / "work"), session_id))
        await _written(path, "touch asked")
        told.process.send_signal(signal.SIGKILL)
        await told.process.wait()
    return session_id, path


async def _written(path: Path, words: str) -> None:
    """The agent writes its record a little later, and in pieces: wait until it has these words and grows no more."""
    before = b""
    for _ in range(200):
        await asyncio.sleep(0.3)
        data = await asyncio.to_thread(path.read_bytes)
        if data == before and words.encode() in data and data.endswith(b"\n"):
            return
        before = data
    raise TimeoutError(f"the record never said {words!r}")


async def mend(folder: Path, path: Path) -> str:
    """Let a guest look at the record."""
    (folder / "state").mkdir(mode=0o700)
    places = [f"--{name}={folder / name}" for name in ("home", "work", "state")]
    command = [sys.executable, "-I", "-S", str(guest_archive(folder / "cache")), "call", *_spread(places)]

    async def connect() -> Streams:
        import socket

        ours, theirs = socket.socketpair()
        with theirs:
            await asyncio.create_subprocess_exec(*command, stdin=theirs.fileno(), stdout=theirs.fileno(), env={})
        return await asyncio.open_connection(sock=ours)

    guest = GuestClient(connect)
    try:
        return (await guest.check_transcript(str(path))).state
    finally:
        await guest.stop(0.1)


def _spread(places: list[str]) -> list[str]:
    return [part for place in places for part in place.split("=", 1)]


async def ask(api: PracticeServer, folder: Path, session_id: uuid.UUID) -> str:
    """One more prompt to a new process; all that the model was shown."""
    async with agent.running(url=api.url, folder=folder, resumed=session_id) as told:
        await told.prompt(script([{"text": "I remember."}]))
        ended = await told.wait(claude.TurnEnded)
        assert not ended.entry.payload["is_error"]
        assert (await told.wait(claude.Initialized)).claude_session_id == str(session_id)
    return json.dumps(api.bodies[-1]["messages"])


class TestATornRecord:
    @pytest.mark.parametrize("damage", ["cut", "joined", "middle", "zeros"])
    async def test_is_resumed_with_the_conversation_after_mending(self, tmp_path: Path, damage: str) -> None:
        async with server.serving() as api:
            session_id, path = await remember(api, tmp_path)
            data = await asyncio.to_thread(path.read_bytes)
            rows = data.splitlines(keepends=True)
            torn = {
                "cut": data[: -len(rows[-1]) // 2],
                "joined": b"".join(rows[:-1])[:-1] + rows[-1],
                "middle": b"".join([*rows[:-4], rows[-4][: len(rows[-4]) // 2], *rows[-3:]]),
                "zeros": data + b"\0" * 3000,
            }[damage]
            await asyncio.to_thread(path.write_bytes, torn)

            state = await mend(tmp_path, path)
            shown = await ask(api, tmp_path, session_id)

        assert (state, "heron" in shown) == ("repaired", True)
        assert path.with_name(path.name + ".torn").read_bytes() == torn

    async def test_with_a_call_without_a_result_needs_no_mending(self, tmp_path: Path) -> None:
        async with server.serving() as api:
            session_id, path = await remember(api, tmp_path)

            state = await mend(tmp_path, path)
            shown = await ask(api, tmp_path, session_id)

        assert (state, "heron" in shown) == ("sound", True)


class TestALostRecord:
    async def test_is_refused_in_the_words_that_we_know(self, tmp_path: Path) -> None:
        from sessions.engine import resuming

        async with server.serving() as api:
            session_id, path = await remember(api, tmp_path)
            await asyncio.to_thread(path.unlink)
            argv = claude.argv(
                str(cli.find_cli()), claude_session_id=session_id, resume=True, model="opus", permission_mode="default"
            )
            environment = claude.environment(home=str(tmp_path / "home"), token="slpg_practice", base_url=api.url)
            done = await asyncio.to_thread(
                subprocess.run, argv, cwd=tmp_path / "work", env=environment, capture_output=True, input=b""
            )

        assert (done.returncode, resuming.REFUSAL in done.stderr.decode()) == (1, True)

    async def test_is_retold_to_a_new_conversation(self, tmp_path: Path) -> None:
        async with server.serving() as api:
            argv = claude.argv(
                str(cli.find_cli()),
                claude_session_id=uuid.uuid4(),
                resume=False,
                model="opus",
                permission_mode="default",
                context="User: Remember the word heron",
            )
            for name in ("home", "work"):
                (tmp_path / name).mkdir()
            environment = claude.environment(home=str(tmp_path / "home"), token="slpg_practice", base_url=api.url)
            prompt = claude.user_message(uuid.uuid4(), script([{"text": "I was told."}]))
            done = await asyncio.to_thread(
                subprocess.run, argv, cwd=tmp_path / "work", env=environment, capture_output=True, input=prompt
            )

        assert b"I was told." in done.stdout
        assert "Remember the word heron" in json.dumps(api.bodies[-1]["system"])
