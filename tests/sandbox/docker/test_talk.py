"""A conversation over the engine's exec, whoever breaks it off and when."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiodocker import Docker

from sandbox.docker import talk


class Silent:
    """An engine, its container, an exec in it and the exec's stream: all say nothing, for ever."""

    def __init__(self) -> None:
        self.containers, self.closed = self, 0

    def container(self, _: str) -> Silent:
        return self

    async def exec(self, *_: object, **__: object) -> Silent:
        return self

    def start(self, **_: object) -> Silent:
        return self

    async def _init(self) -> None:
        return None

    async def wait(self) -> Any:
        await asyncio.Event().wait()

    read_out = wait

    async def close(self) -> None:
        self.closed += 1


class TestOpenExec:
    async def test_leaves_nothing_open_though_it_is_cancelled_twice(self) -> None:
        """As when a loop ends: it cancels whoever carries, and whoever then cancels those."""
        silent = Silent()
        others = asyncio.all_tasks()
        reader, writer = await talk.open_exec(cast(Docker, silent), "box", ["cat"], "1000")

        for _ in range(2):
            for task in asyncio.all_tasks() - others:
                task.cancel()
            await asyncio.sleep(0)

        with pytest.raises(asyncio.IncompleteReadError):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
        await writer.wait_closed()
        assert silent.closed == 2  # the stream and the client
