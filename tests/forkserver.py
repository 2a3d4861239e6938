"""Quick starts of `manage.py`: forked from a process that has the packages loaded, and no module of ours.

Three quarters of what a server does until it is ready is loading packages, and some tests start dozens of servers.
What such a process cannot show is what it was started with: its `/proc/<pid>/environ` and command line are those of
the process that it was forked from. Tests of these start one in full.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
# What a server loads before it is ready, as far as it needs no settings and installs no reactor.
PACKAGES = (
    *("django.contrib.admin.options", "django.contrib.staticfiles.finders", "django.core.handlers.asgi"),
    *("django.core.management.commands.migrate", "django.db.backends.postgresql.base", "django.test"),
    *("aiodocker", "aiohttp", "autobahn.twisted.websocket", "channels.generic.websocket", "cryptography.fernet"),
    *("django_stubs_ext", "fido2.server", "procrastinate", "prometheus_client", "psycopg_pool", "pydantic_settings"),
    *("redis.asyncio", "structlog", "twisted.internet.asyncioreactor", "twisted.internet.ssl", "twisted.web.http"),
    *("uuid_utils", "whitenoise.middleware"),
)
STREAMS = 3
MESSAGE_BYTES = 2**17


class Forked:
    """A started process; what of `subprocess.Popen` the tests need."""

    def __init__(self, pid: int, told: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told  # its exit status comes here

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("manage.py", timeout or 0)
            status = os.read(self._told, 16)
            os.close(self._told)
            self.returncode = int(status or -signal.SIGKILL)  # without a word: the whole fork server was ended
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(arguments: Sequence[str], *, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]) -> Forked:
    """`python manage.py <arguments>` with nothing to read."""
    told, tells = os.pipe()
    request = json.dumps({"arguments": [*arguments], "env": {**env}}).encode()
    try:
        with open(os.devnull, "rb") as nothing:
            line = _line()
            socket.send_fds(line, [request], [nothing.fileno(), stdout.fileno(), stderr.fileno(), tells])
        return Forked(int(line.recv(MESSAGE_BYTES)), told)
    finally:
        os.close(tells)


_lines: list[socket.socket] = []


def _line() -> socket.socket:
    """To this process's fork server."""
    if not _lines:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.forkserver", str(theirs.fileno())]
            server = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        _lines.append(ours)
        atexit.register(_end, ours, server)
    return _lines[0]


def _end(ours: socket.socket, server: subprocess.Popen[bytes]) -> None:
    ours.close()
    server.wait()


class _Fork(Exception):
    """Unwinds what the fork server has open in the child, which has other things to do."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments


def _serve(line: socket.socket) -> None:
    """Until the tests' end of the line is closed. Raises: _Fork, in each child."""
    running: dict[int, int] = {}
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        waiting: list[Any] = [line, woken]
        ready = select.select(waiting, [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _tell_of_the_dead(running)
        if line in ready:
            request, descriptors, _, _ = socket.recv_fds(line, MESSAGE_BYTES, STREAMS + 1)
            if not request:
                return
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for end in (woken, waker, *running.values()):
                    os.close(end)
                _become(json.loads(request), descriptors)
            for stream in descriptors[:STREAMS]:
                os.close(stream)
            running[pid] = descriptors[STREAMS]
            line.send(str(pid).encode())


def _tell_of_the_dead(running: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            tells = running.pop(pid)
            with contextlib.suppress(BrokenPipeError):
                os.write(tells, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(tells)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """What a new process has of its own: streams, variables, answers to signals. Raises: _Fork."""
    for number, descriptor in enumerate(descriptors[:STREAMS]):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    raise _Fork(request["arguments"])


def main() -> None:
    for name in PACKAGES:
        importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    arguments = None
    with socket.socket(fileno=int(sys.argv[1])) as line:
        try:
            _serve(line)
        except _Fork as fork:
            arguments = fork.arguments
    if arguments is not None:
        sys.argv = [str(ROOT / "manage.py"), *arguments]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
