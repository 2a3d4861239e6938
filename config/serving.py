"""The life of one server process: listen, work, and leave in order."""

from __future__ import annotations

from config.daphne import BackPressureServer, bind_tcp, bind_unix, reactor, twisted_loop  # isort: skip  # first: the reactor

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import structlog

from config import worker
from sandbox.carrier import SSH_AGENT
from sandbox.lending import Lender

logger = structlog.get_logger(__name__)

DRAIN_S = 3.0
LAST_S = 1.0  # for what is left when all work has been handed back
LOCK_RETRY_S = 1.0
WATCH_EVERY_S = 1.0
SWITCH_S = 0.001  # Python's own 5 ms are long beside what a frame takes
# Objects, then collections of a generation before one of the next; one of all takes 50 ms and more.
COLLECT_AFTER = (10_000, 10, 50)
OWN_GROUP, SHARE = Path("/proc/self/autogroup"), "-5"  # a niceness: three times what others have


class CannotServe(RuntimeError):
    """The server cannot start as configured."""


@dataclass
class Plan:
    """What this process does; `announce` is called once everything listens."""

    listen: str
    web: Callable[..., Coroutine[Any, Any, None]] | None
    gateway: Callable[..., Coroutine[Any, Any, None]] | None
    gateway_socket: Path
    has_worker: bool
    announce: Callable[[str], None]
    ssh_agent: Path | None = None  # the operator's, to be lent beside the gateway
    revive_database: Callable[[], bool] | None = None  # for the embedded one
    at_end: Callable[[], Coroutine[Any, Any, None]] | None = None  # what the applications leave open in this loop
    watch: Callable[..., Coroutine[Any, Any, None]] | None = None  # metrics and health, on a listener of their own
    watch_listen: str = ""
    servers: list[BackPressureServer] = field(default_factory=list)


def run(plan: Plan) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    Raises: CannotServe (address taken or malformed).
    """
    asyncio.set_event_loop(twisted_loop)
    outcome: list[BaseException | int] = []

    async def main() -> None:
        try:
            outcome.append(await _main(plan))
        except BaseException as error:
            outcome.append(error)
        finally:
            reactor.callLater(0, reactor.stop)

    reactor.callWhenRunning(lambda: twisted_loop.create_task(main()))
    reactor.run(installSignalHandlers=False)
    result = outcome[0] if outcome else 1
    if isinstance(result, BaseException):
        raise result
    return result


def leave_threads_behind(code: int) -> NoReturn:
    """End the process, whatever its threads still wait for.

    Python would wait for them: for a lock, a database that is away, a git that packs. Nothing needs their end: what
    they do is as safe from this as from a power cut.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


async def _main(plan: Plan) -> int:
    stopping = asyncio.Event()
    signals = _watch_signals(stopping)
    where = _listen_web(plan)
    if plan.watch is not None and plan.watch_listen:
        _listen(plan, plan.watch, plan.watch_listen, "SLIPWAY_METRICS_LISTEN")
    tasks: list[asyncio.Task[None]] = []
    if plan.gateway is not None:
        tasks.append(asyncio.create_task(_serve_gateway_socket(plan), name="gateway socket"))
    if plan.revive_database is not None:
        tasks.append(asyncio.create_task(_watch_database(plan.revive_database), name="database watch"))
    work = asyncio.create_task(worker.run_forever(), name="worker") if plan.has_worker else None
    _favour_the_loop()
    plan.announce(where)

    await stopping.wait()
    logger.info("stopping")
    await _leave(plan, work, tasks, hurried=lambda: len(signals) > 1)
    return 0


def _favour_the_loop() -> None:
    """Keep pauses of the event loop short, in which nobody's frames go out.

    What was loaded for good is not looked through for garbage again, what is new is more rarely, and a thread that
    computes gives way sooner.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)
    _ask_for_cores()


def _ask_for_cores() -> None:
    """Where Linux shares cores out by sessions, an agent gets as much as the whole server; root may ask for more."""
    with contextlib.suppress(OSError):
        OWN_GROUP.write_text(SHARE)


def _watch_signals(stopping: asyncio.Event) -> list[int]:
    """Remember each SIGTERM and SIGINT; the first asks for an orderly end, the second for a quick one."""
    seen: list[int] = []

    def on_signal(number: int) -> None:
        seen.append(number)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return seen


def _listen_web(plan: Plan) -> str:
    if plan.web is None:
        return ""
    return _listen(plan, plan.web, plan.listen, "SLIPWAY_LISTEN")


def _listen(plan: Plan, application: Callable[..., Coroutine[Any, Any, None]], address: str, variable: str) -> str:
    try:
        bound = bind_tcp(address)
    except (OSError, ValueError) as error:
        raise CannotServe(f"cannot listen on {address}: {error}; set {variable} to a free host:port") from error
    host, port = bound.getsockname()[:2]
    server = BackPressureServer(application)
    server.listen(bound)
    plan.servers.append(server)
    return f"{host}:{port}"


async def _serve_gateway_socket(plan: Plan) -> None:
    """Serve the gateway on its unix socket; of several processes on one host the first does, the next takes over."""
    folder = plan.gateway_socket.parent
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # agents reach the socket by name and can list nothing
    with folder.with_name(folder.name + ".lock").open("a") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(LOCK_RETRY_S)
        lent = folder / SSH_AGENT
        for path in (plan.gateway_socket, lent):
            path.unlink(missing_ok=True)
        server = BackPressureServer(_http_only(plan.gateway))
        plan.servers.append(server)
        server.listen(bind_unix(plan.gateway_socket))
        if plan.ssh_agent is not None:
            await Lender(plan.ssh_agent).serve(bind_unix(lent))
        await asyncio.Event().wait()  # the lock is ours until we are cancelled


async def _watch_database(revive: Callable[[], bool]) -> None:
    """Bring the embedded database back when it has died."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        try:
            if await asyncio.to_thread(revive):
                logger.error("database_was_restarted")
        except Exception as error:
            logger.error("database_cannot_be_restarted", error=str(error))


def _http_only(application: Any) -> Callable[..., Coroutine[Any, Any, None]]:
    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await application(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 4404})

    return serve


async def _leave(
    plan: Plan, work: asyncio.Task[None] | None, tasks: list[asyncio.Task[None]], hurried: Callable[[], bool]
) -> None:
    """Stop listening, send WebSockets away, hand jobs back while requests finish; each step has its time."""
    began = time.monotonic()
    for server in plan.servers:
        with contextlib.suppress(OSError):
            await server.stop_listening()
        server.close_websockets()
    ends = {asyncio.create_task(server.drain(0.0 if hurried() else DRAIN_S)) for server in plan.servers}
    if work is not None:
        work.cancel()
        ends.add(work)
    await _wait(ends, max(worker.GRACE_S + worker.HAND_BACK_S, DRAIN_S + 2), hurried)
    ends = set(tasks)
    if plan.at_end is not None:
        ends.add(asyncio.create_task(plan.at_end()))
    for task in tasks:
        task.cancel()
    await _wait(ends, LAST_S, lambda: False)
    logger.info("stopped", seconds=round(time.monotonic() - began, 2))


async def _wait(tasks: set[asyncio.Task[None]], timeout_s: float, hurried: Callable[[], bool]) -> None:
    deadline = time.monotonic() + timeout_s
    while tasks and time.monotonic() < deadline and not hurried():
        _, tasks = await asyncio.wait(tasks, timeout=0.1)
