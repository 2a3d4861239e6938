"""Real processes whose output can be read again from any byte, and whose input may be sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

CHUNK = 256 * 2**10
KEPT = 8 * 2**20  # unread bytes that may wait, and read ones that may be asked for again
LINGER_S = 0.5  # how long output may stay open after the end: a background process holds the pipe


class Output:
    """A log of bytes with any number of readers, each at an offset of its own; it waits for the first of them."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._start = 0
        self._read_to = 0
        self._is_over = False
        self._changed = asyncio.Event()

    async def feed(self, data: bytes) -> None:
        """Append; while too much is unread, wait, as a full pipe does."""
        self._data += data
        self._wake()
        while self._start + len(self._data) - self._read_to > KEPT and not self._is_over:
            await self._changed.wait()
        # A reader whose connection was lost asks again for what was on its way: some megabytes at most.
        old = self._read_to - self._start - KEPT
        if old > KEPT:
            del self._data[:old]
            self._start += old

    def close(self) -> None:
        self._is_over = True
        self._wake()

    async def read_from(self, offset: int) -> AsyncIterator[bytes]:
        while True:
            position = offset - self._start
            assert position >= 0, "asked for what is kept no longer"
            if position < len(self._data):
                data = bytes(memoryview(self._data)[position : position + CHUNK])
                offset += len(data)
                self._read_to = max(self._read_to, offset)
                self._wake()
                yield data
            elif self._is_over:
                return
            else:
                await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Exec:
    """One process with pipes. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.out, self.err = Output(), Output()
        self.exited = asyncio.Event()
        self.taken = 0
        self._is_closed = False
        self._lock = asyncio.Lock()
        self._end = asyncio.create_task(self._run())

    @classmethod
    async def start(cls, argv: list[str], environment: dict[str, str], pass_fds: tuple[int, ...] = ()) -> Exec:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *argv,
                env=environment,
                cwd="/",
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=CHUNK,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        )

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def _run(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        pumps = [
            asyncio.create_task(_pump(self._process.stdout, self.out)),
            asyncio.create_task(_pump(self._process.stderr, self.err)),
        ]
        await self._process.wait()
        self.exited.set()
        await asyncio.wait(pumps, timeout=LINGER_S)
        for pump in pumps:
            pump.cancel()
        self.out.close()
        self.err.close()

    async def write(self, offset: int, data: bytes, *, is_last: bool) -> None:
        """Give it input; bytes that it has taken before are left out.

        Raises: BrokenPipeError (it has ended, or its input is closed); ValueError (bytes are missing before these).
        """
        async with self._lock:
            if offset > self.taken:
                raise ValueError(f"input from {offset} on, but {self.taken} is next")
            rest = data[self.taken - offset :]
            if rest and (self._is_closed or self.returncode is not None):
                raise BrokenPipeError("the input is closed")
            stdin = self._process.stdin
            assert stdin is not None
            try:
                stdin.write(rest)
                await stdin.drain()
            except ConnectionResetError as error:
                raise BrokenPipeError("the process has ended") from error
            self.taken += len(rest)
            if is_last and not self._is_closed:
                self._is_closed = True
                stdin.close()

    def kill(self) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


async def _pump(stream: asyncio.StreamReader, output: Output) -> None:
    while data := await stream.read(CHUNK):
        await output.feed(data)
    output.close()
