"""Sockets, streams and raw requests as a hostile or clumsy client sends them, and what the database holds then."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psycopg
from psycopg import sql

from config import postgres
from tests.journeys.patience import (
    AWAY,
    IS_CHAOS,
    NO_ANSWER,
    NO_DATABASE,
    PATIENCE,
    PAUSE_S,
    TRIES,
    key_of,
    patiently,
    tries,
)
from tests.journeys.person import Person
from tests.journeys.server import Server

LOST = (None, 1001, 1006, 1011, 1012, 1013)  # close codes after which a page of ours comes back


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(server: Server, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """One request; bytes are sent as they are, other bodies as JSON. Underscores in names of headers are dashes."""
    sent = key_of(method, path, body) | {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    for number in tries():
        with contextlib.suppress(*(NO_ANSWER if number + 1 < TRIES else ())):
            answer = _once(server, method, path, data, sent)
            if not (IS_CHAOS and answer.status in AWAY):
                return answer
    return answer


def _once(server: Server, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookies(person: Person) -> dict[str, str]:
    """The headers of a page of ours in the person's browser."""
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.jar)
    return {"Cookie": jar, "Origin": person.server.url}


@dataclass
class Line:
    """A WebSocket or SSE connection that is read in the background until it closes."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    status: int | None = None  # of a handshake that was refused, or of the SSE response
    close_code: int | None = None
    is_open: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)
    is_left: bool = False  # by the test, which wants no more of it
    outbox: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    sent: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def send(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.loop.call_soon_threadsafe(self.outbox.put_nowait, text)

    def close(self) -> None:
        self.is_left = True
        if not self.is_over.is_set():
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.outbox.put_nowait, None)
        assert self.is_over.wait(10)

    def events(self) -> list[dict[str, Any]]:
        """The log's events so far, in the order they came."""
        return [frame for frame in list(self.frames) if "seq" in frame]

    def goes_on_after(self, after: int | str) -> int | str:
        """From where to read on when the connection was lost."""
        return max((event["seq"] for event in self.events()), default=after)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in list(self.frames) if frame.get("type") == kind]


def _run(line: Line, main: Callable[[], Any]) -> Line:
    async def whole() -> None:
        # The last: asyncio's transport when it is reset while much is being sent.
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, AttributeError):
            await main()

    def run() -> None:
        try:
            line.loop.run_until_complete(whole())
        finally:
            line.is_open.set()
            line.is_over.set()
            line.loop.close()

    threading.Thread(target=run, daemon=True).start()
    assert line.is_open.wait(20 * PATIENCE)
    return line


@contextlib.contextmanager
def socket(server: Server, session_id: str, *, after: int | str = 0, **headers: str) -> Iterator[Line]:
    """The session's WebSocket; a refused handshake leaves its status."""
    line = Line()

    async def main() -> None:
        async with aiohttp.ClientSession() as client:
            for _ in range(TRIES):
                url = f"ws://127.0.0.1:{server.port}/ws/sessions/{session_id}?after={line.goes_on_after(after)}"
                if await _hear(client, url, headers, line):
                    return
                await asyncio.sleep(PAUSE_S)

    _run(line, main)
    try:
        yield line
    finally:
        line.close()


async def _hear(client: aiohttp.ClientSession, url: str, headers: dict[str, str], line: Line) -> bool:
    """One connection, to its end; whether that was the end. Where servers die, one that is lost is none."""
    try:
        ws = await client.ws_connect(url, headers=headers, max_msg_size=0)
    except aiohttp.WSServerHandshakeError as error:
        line.status = error.status
        return line.is_left or line.status not in AWAY
    except (aiohttp.ClientError, OSError):
        if IS_CHAOS:
            return line.is_left
        raise
    line.is_open.set()
    writer = asyncio.create_task(_write(ws, line))
    async for message in ws:
        if message.type is not aiohttp.WSMsgType.TEXT:
            break
        line.frames.append(json.loads(message.data))
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    if ws._writer.transport is not None:
        ws._writer.transport.abort()  # what a server that hung up has not read would keep it open beyond the loop
        await asyncio.sleep(0)
    line.close_code = ws.close_code
    return line.is_left or line.close_code not in LOST


async def _write(ws: aiohttp.ClientWebSocketResponse, line: Line) -> None:
    """Send what is to be sent; what a lost connection took along, and nothing answered, is sent again first."""
    if not line.of_type("error") and not line.of_type("pong"):
        for frame in line.sent:
            await ws.send_str(frame)
    while (text := await line.outbox.get()) is not None:
        line.sent.append(text)
        await ws.send_str(text)
    await ws.close()


@contextlib.contextmanager
def stream(server: Server, session_id: str, *, after: int | str = 0, **headers: str) -> Iterator[Line]:
    """The session's SSE stream; deltas have no `seq`."""
    line = Line()

    async def main() -> None:
        forever = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=forever) as client:
            for _ in range(TRIES):
                url = f"{server.url}/api/sessions/{session_id}/stream?after={line.goes_on_after(after)}"
                try:
                    await _follow(client, url, headers, line)
                except (aiohttp.ClientError, OSError):
                    if not IS_CHAOS:
                        raise
                if line.is_left or line.status not in (200, *AWAY):
                    return
                await asyncio.sleep(PAUSE_S)

    _run(line, main)
    try:
        yield line
    finally:
        line.close()


async def _follow(client: aiohttp.ClientSession, url: str, headers: dict[str, str], line: Line) -> None:
    async with client.get(url, headers=headers) as response:
        line.status = response.status
        line.is_open.set()
        reader = asyncio.create_task(_read(response, line))
        closer = asyncio.create_task(line.outbox.get())
        await asyncio.wait({reader, closer}, return_when=asyncio.FIRST_COMPLETED)
        for task in (reader, closer):
            task.cancel()
        await asyncio.gather(reader, closer, return_exceptions=True)


async def _read(response: aiohttp.ClientResponse, line: Line) -> None:
    buffer = b""
    async for chunk in response.content.iter_any():
        *blocks, buffer = (buffer + chunk).split(b"\n\n")
        for block in blocks:
            data = [part[6:] for part in block.split(b"\n") if part.startswith(b"data: ")]
            if data:
                line.frames.append(json.loads(data[0]))


def dsn(server: Server) -> str:
    return postgres.place(server.data_dir).dsn()


def query(server: Server, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask the server's own database."""

    def ask() -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn(server), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    return patiently(ask, *NO_DATABASE)


def tables(server: Server) -> list[str]:
    found = query(server, "select tablename from pg_tables where schemaname = 'public' order by 1")
    return [str(row[0]) for row in found]


def row_counts(server: Server) -> dict[str, int]:
    """Rows per table, save those that the worker writes by itself as time goes by."""
    return patiently(lambda: _row_counts(server), *NO_DATABASE)


def _row_counts(server: Server) -> dict[str, int]:
    counts = {}
    with psycopg.connect(dsn(server)) as connection:
        for table in tables(server):
            if table.startswith("procrastinate_") or (IS_CHAOS and table == "config_errorreport"):
                continue
            counted = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
            row = connection.execute(counted).fetchone()
            counts[table] = int(row[0]) if row else 0
    # What is done again and again is told the time at which it was due; an idle agent rests after a while.
    tasks = (
        "select count(*) from procrastinate_jobs where not jsonb_exists(args, 'timestamp') and queue_name <> 'builtin' "
        "and task_name <> 'sessions.rest_agent'"
    )
    return {**counts, "tasks": int(query(server, tasks)[0][0])}


def dump(server: Server) -> bytes:
    """All that the database holds, as text."""
    return patiently(lambda: _dump(server), *NO_DATABASE)


def _dump(server: Server) -> bytes:
    parts = []
    with psycopg.connect(dsn(server)) as connection:
        for table in tables(server):
            copy_out = sql.SQL("copy {} to stdout").format(sql.Identifier(table))
            with connection.cursor().copy(copy_out) as copy:
                parts += [bytes(part) for part in copy]
    return b"".join(parts)


def resident_bytes(pid: int) -> int:
    """The memory of a process that is its own or shared."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def resident(server: Server) -> int:
    """The memory of all processes that the server is."""
    processes = [node.process for node in getattr(server, "nodes", [server])]
    return sum(resident_bytes(process.pid) for process in processes if process is not None)


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> float:
    """Wait for it; how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s * PATIENCE, f"not in time: {what}"
        time.sleep(0.05)
    return time.monotonic() - started
