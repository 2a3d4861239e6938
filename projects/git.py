"""The one way in which the server runs git: hardened environment, argument lists, deadline, caps, cancellation."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypedDict

from django.conf import settings

from projects.errors import GitFailed, GitTimeout, GitTooLarge

MIB = 2**20
CHUNK = 64 * 1024
STDERR_TAIL = 16 * 1024  # bytes
WATCH_INTERVAL_S = 0.1
TERM_S = 0.5  # between TERM and KILL
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

# Overrides whatever a repository's own config might say. Not a licence to run git where an agent can write.
_CONFIG = {
    "safe.bareRepository": "explicit",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.bigFileThreshold": "16m",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "transfer.bundleURI": "false",
    "fetch.recurseSubmodules": "false",
    "pack.threads": "1",
    "pack.windowMemory": "64m",
    "diff.renameLimit": "1000",
}
# Certificates of the operator's own authority are the only thing taken over from the server's environment.
_INHERITED = ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Result:
    """What a command left behind; `stderr` is its tail."""

    exit_code: int
    stdout: bytes
    stderr: str
    is_truncated: bool = False

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace").strip()


@dataclass(frozen=True)
class Limits:
    """How long a command may take and what it may write to stdout; `can_truncate` keeps the head instead of failing."""

    timeout_s: float = 30.0
    stdout_bytes: int = 8 * MIB
    can_truncate: bool = False


@dataclass(frozen=True)
class Net:
    """What a command may reach: the transports, and config (such as a header with a token) kept out of argv."""

    protocols: str = ""
    config: Mapping[str, str] = field(default_factory=dict)


class Options(TypedDict, total=False):
    """The keyword arguments of `run`, for wrappers."""

    input: bytes | Iterable[bytes]
    input_file: IO[bytes] | None
    output: IO[bytes] | None
    limits: Limits
    net: Net
    watch: Callable[[], None] | None
    on_stderr: Callable[[str], None] | None
    ok: Sequence[int]


OFFLINE = Net()
QUICK = Limits()


def run(
    *arguments: str,
    git_dir: Path | None = None,
    input: bytes | Iterable[bytes] = b"",
    input_file: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    limits: Limits = QUICK,
    net: Net = OFFLINE,
    watch: Callable[[], None] | None = None,
    on_stderr: Callable[[str], None] | None = None,
    ok: Sequence[int] = (0,),
) -> Result:
    """Run one git command to its end.

    Args:
        arguments: the subcommand and its arguments; no shell. Names have been checked by `projects.refs` before.
        input: bytes, or chunks that are made while it runs; what their maker raises passes through.
        input_file: stdin itself instead; read from its present offset.
        output: a file for stdout instead of memory; `limits.stdout_bytes` does not count then.
        watch: called about every 0.1 s; what it raises ends the command and passes through.
        on_stderr: gets each line (progress too, which ends in a carriage return).
    Raises: GitFailed (exit code not in `ok`); GitTimeout; GitTooLarge. The whole process group is gone afterwards.
    """
    process = subprocess.Popen(
        [_program(), *(["--git-dir", str(git_dir)] if git_dir else []), *arguments],
        stdin=input_file or subprocess.PIPE,
        stdout=output or subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(net),
        cwd=_empty_home(),
        start_new_session=True,
    )
    pump = _Pump(process, iter([input] if isinstance(input, bytes) else input), limits, watch, on_stderr)
    try:
        pump.run()
        if not pump.is_truncated:
            process.wait(timeout=max(pump.deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired as error:
        raise GitTimeout from error
    finally:
        _end(process)
    result = Result(process.returncode, bytes(pump.stdout), pump.stderr.decode(errors="replace"), pump.is_truncated)
    if result.exit_code not in ok and not pump.is_truncated:
        raise GitFailed(exit_code=result.exit_code, stderr=result.stderr)
    return result


def environment(net: Net = OFFLINE) -> dict[str, str]:
    """The whole environment of a git command; nothing of the server's own is in it."""
    config = {**_CONFIG, **net.config}
    entries = {f"GIT_CONFIG_KEY_{index}": key for index, key in enumerate(config)}
    entries |= {f"GIT_CONFIG_VALUE_{index}": value for index, value in enumerate(config.values())}
    return {
        "PATH": os.defpath,
        "HOME": str(_empty_home()),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": str(len(config)),
        "GIT_ALLOW_PROTOCOL": net.protocols,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ATTR_SOURCE": EMPTY_TREE,  # a committed .gitattributes must not hide a change
        "GIT_ALLOC_LIMIT": "1g",  # a small delta can name a result of terabytes
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **entries,
    }


def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise GitFailed("Git is not installed on the server.", exit_code=127)
    return found


def _empty_home() -> Path:
    path = Path(settings.DATA_DIR).resolve() / "git-home"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the group before its leader is reaped, so that the group's number cannot be a stranger's.

    TERM first: git then takes its locks and temporary files away.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            _await_end(process.pid)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _await_end(pid: int) -> None:
    """Wait a little for a child to end, without reaping it."""
    deadline = time.monotonic() + TERM_S
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.005)


class _Pump:
    """Moves bytes between us and a process until it closes its ends."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        chunks: Iterator[bytes],
        limits: Limits,
        watch: Callable[[], None] | None,
        on_stderr: Callable[[str], None] | None,
    ) -> None:
        self.process, self.chunks, self.limits = process, chunks, limits
        self.watch, self.on_stderr = watch, on_stderr
        self.deadline = time.monotonic() + limits.timeout_s
        self.stdout, self.stderr, self._line = bytearray(), bytearray(), bytearray()
        self.is_truncated = False
        self._pending = memoryview(b"")
        self._watched_at = 0.0

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream, event, handler in (
                (self.process.stdin, selectors.EVENT_WRITE, self._write),
                (self.process.stdout, selectors.EVENT_READ, self._read_stdout),
                (self.process.stderr, selectors.EVENT_READ, self._read_stderr),
            ):
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
                    selector.register(stream, event, handler)
            while selector.get_map() and not self.is_truncated:
                self._tick()
                for key, _ in selector.select(WATCH_INTERVAL_S):
                    if not key.data():
                        selector.unregister(key.fileobj)
                        self._close(key.fd)
        self._flush_line()

    def _close(self, fd: int) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed and stream.fileno() == fd:
                stream.close()

    def _tick(self) -> None:
        now = time.monotonic()
        if now > self.deadline:
            raise GitTimeout(stderr=self.stderr.decode(errors="replace"))
        if self.watch is not None and now - self._watched_at >= WATCH_INTERVAL_S:
            self._watched_at = now
            self.watch()

    def _write(self) -> bool:
        """One write; False when there is nothing left to say or nobody listens."""
        assert self.process.stdin is not None
        while not self._pending:
            chunk = next(self.chunks, None)
            if chunk is None:
                return False
            self._pending = memoryview(chunk)
        try:
            written = os.write(self.process.stdin.fileno(), self._pending[:CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        self._pending = self._pending[written:]
        return True

    def _read_stdout(self) -> bool:
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), CHUNK)
        self.stdout += data
        if len(self.stdout) > self.limits.stdout_bytes:
            if not self.limits.can_truncate:
                raise GitTooLarge
            del self.stdout[self.limits.stdout_bytes :]
            self.is_truncated = True
        return bool(data)

    def _read_stderr(self) -> bool:
        assert self.process.stderr is not None
        data = os.read(self.process.stderr.fileno(), CHUNK)
        self.stderr += data
        del self.stderr[:-STDERR_TAIL]
        if self.on_stderr is not None:
            *lines, rest = (bytes(self._line) + data).replace(b"\r", b"\n").split(b"\n")
            self._line = bytearray(rest[-1000:])
            for line in lines:
                self.on_stderr(line.decode(errors="replace"))
        return bool(data)

    def _flush_line(self) -> None:
        if self._line and self.on_stderr is not None:
            self.on_stderr(self._line.decode(errors="replace"))
