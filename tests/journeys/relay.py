"""A TCP relay on loopback that can stop forwarding, cut its connections, or lose one at a chosen moment."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Target = tuple[str, int] | Path
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PIECE = 64 * 1024


class Relay:
    """Passes connections on to its targets in turn, leaving out those that take none; runs in a thread of its own."""

    def __init__(self, *targets: Target) -> None:
        self.targets = list(targets)
        self.port = 0
        self.losses = 0  # connections lost because of `lose_at`
        self._turn = 0
        self._is_refusing = False
        self._flows: asyncio.Event
        self._marker: tuple[bytes, bool] | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def hold(self) -> None:
        """Forward nothing more and take new connections all the same: a peer that is half dead."""
        self._call(lambda: self._flows.clear())

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        self._is_refusing = True
        self._call(self._abort_all)

    def mend(self) -> None:
        """Forward again, what was held back included."""
        self._is_refusing = False
        self._call(lambda: self._flows.set())

    def lose_at(self, marker: bytes, *, is_delivered: bool) -> None:
        """End the next connection whose client sends `marker`: after the target has acted on it, or before it hears."""
        self._marker = (marker, is_delivered)

    # In the thread

    async def _start(self) -> None:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._server.close()
        self._abort_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None if self._is_refusing else await self._connect(writer.get_extra_info("peername")[0])
        if there is None:
            writer.transport.abort()
            return
        ends, lost = {writer, there[1]}, asyncio.Event()
        self._open |= ends
        pumps = [
            asyncio.create_task(self._pump(reader, there[1], lost, does_ask=True)),
            asyncio.create_task(self._pump(there[0], writer, lost)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _connect(self, address: str) -> Streams | None:
        """Go on from the client's own address, by which servers count what they limit."""
        for _ in self.targets:
            target = self.targets[self._turn % len(self.targets)]
            self._turn += 1
            with contextlib.suppress(OSError):
                if isinstance(target, Path):
                    return await asyncio.open_unix_connection(str(target))
                return await asyncio.open_connection(*target, local_addr=(address, 0))
        return None

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, lost: asyncio.Event, does_ask: bool = False
    ) -> None:
        """Forward until the source ends or is reset, which ends the sink's direction only."""
        with contextlib.suppress(ConnectionError):
            while piece := await source.read(PIECE):
                await self._flows.wait()
                if does_ask and self._marker is not None and self._marker[0] in piece:
                    await self._lose(piece, sink, lost)
                if lost.is_set():
                    return
                sink.write(piece)
                await sink.drain()
        with contextlib.suppress(OSError):
            if not sink.is_closing() and sink.can_write_eof():
                sink.write_eof()

    async def _lose(self, piece: bytes, sink: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        """Raises: Lost, always."""
        assert self._marker is not None
        is_delivered, self._marker = self._marker[1], None
        lost.set()  # the answer must not get through
        self.losses += 1
        if is_delivered:
            sink.write(piece)
            await sink.drain()
            await asyncio.sleep(0.3)
        raise Lost

    def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _call(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        self._run(act())

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


class Lost(Exception):
    """The connection is lost here on purpose."""
