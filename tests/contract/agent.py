"""The real CLI as a plain subprocess, driven by nothing but `sessions.claude`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sessions import claude
from sessions.engine import cli

_Output = TypeVar("_Output")


@dataclass
class Agent:
    """A running CLI: every line that it wrote, and every output that the reader made of it."""

    process: asyncio.subprocess.Process
    work: Path
    home: Path
    lines: list[bytes] = field(default_factory=list)
    outputs: list[claude.Output] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _is_over: bool = False

    async def read(self) -> None:
        """Follow the CLI's output to its end."""
        assert self.process.stdout is not None
        framer, state = claude.LineFramer(), claude.ReaderState()
        while chunk := await self.process.stdout.read(65536):
            for line in framer.feed(chunk):
                self.lines.append(line.data)
                state, outputs = claude.reduce(state, line.data)
                self.outputs += outputs
            async with self._news:
                self._news.notify_all()
        self._is_over = True
        async with self._news:
            self._news.notify_all()

    async def send(self, line: bytes) -> None:
        """Hand a line to the CLI."""
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        await self.process.stdin.drain()

    async def prompt(self, text: str) -> str:
        """Send a prompt and return its id."""
        message_id = str(uuid.uuid4())
        await self.send(claude.user_message(message_id, text))
        return message_id

    async def wait(
        self, kind: type[_Output], matches: Callable[[_Output], bool] = lambda _: True, *, nth: int = 1
    ) -> _Output:
        """The nth output of a kind, within 20 seconds."""
        async with asyncio.timeout(20), self._news:
            while True:
                found = [output for output in self.outputs if isinstance(output, kind) and matches(output)]
                if len(found) >= nth:
                    return found[nth - 1]
                assert not self._is_over, f"the CLI ended without {kind.__name__}: {self.lines[-3:]}"
                await self._news.wait()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of all entries of a kind."""
        return [output.payload for output in self.outputs if isinstance(output, claude.Entry) and output.kind == kind]


@contextlib.asynccontextmanager
async def running(
    *,
    url: str,
    socket: Path | None = None,
    mode: str = "default",
    model: str = "opus",
    rules: tuple[str, ...] = (),
    folder: Path | None = None,
    resumed: uuid.UUID | None = None,
) -> AsyncIterator[Agent]:
    """Start the CLI in `folder`, else in an empty one that is removed afterwards; it is killed at the end."""
    with tempfile.TemporaryDirectory(prefix="cli-") as temporary:
        home, work = _folders(folder or Path(temporary))
        environment = claude.environment(
            home=str(home),
            token="slpg_practice",
            socket=str(socket) if socket else None,
            base_url=url,
            max_retries=1,
        )
        process = await asyncio.create_subprocess_exec(
            *claude.argv(
                str(cli.find_cli()),
                claude_session_id=resumed or uuid.uuid4(),
                resume=resumed is not None,
                model=model,
                permission_mode=mode,
                allowed_rules=rules,
            ),
            cwd=work,
            env={**environment, "PATH": os.environ["PATH"]},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        agent = Agent(process, work, home)
        reader = asyncio.create_task(agent.read())
        try:
            await agent.send(claude.initialize("init-1"))
            await agent.wait(claude.ControlReply)
            yield agent
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await reader


def _folders(folder: Path) -> tuple[Path, Path]:
    home, work = folder / "home", folder / "work"
    home.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    return home, work


def script(*steps: object, text: str = "go", is_encoded: bool = False) -> str:
    """A prompt that tells the practice model what to answer; encoded when it holds another script."""
    raw = json.dumps(steps)
    return f"{text} <<<b64:{base64.b64encode(raw.encode()).decode()}>>>" if is_encoded else f"{text} <<<{raw}>>>"
