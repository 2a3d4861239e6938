"""Processes of the guest: starting them, learning how they ended, reaping strangers, ending everything."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from typing import IO, Any, Dict, List, Optional, Sequence

from guest.errors import Fail

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Child:
    """A started process, in a session of its own; `done_fd` becomes readable when it has ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", done_fd: int, done_writer: int) -> None:
        self.process = process
        self.pid = process.pid
        self.done_fd = done_fd
        self._done_writer = done_writer
        self.ended = threading.Event()
        self.status = 0

    def end(self, status: int) -> None:
        """Called by the reaper, once."""
        self.status = status
        # Popen must not wait for a process that is gone: the number may belong to another one by now.
        self.process.returncode = status
        self.ended.set()
        os.close(self._done_writer)

    @property
    def exit_code(self) -> Optional[int]:
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None

    @property
    def signal_number(self) -> Optional[int]:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    @property
    def stdin(self) -> "IO[bytes]":
        return _piped(self.process.stdin)

    @property
    def stdout(self) -> "IO[bytes]":
        return _piped(self.process.stdout)

    @property
    def stderr(self) -> "IO[bytes]":
        return _piped(self.process.stderr)

    def kill_group(self, number: int = signal.SIGKILL) -> None:
        """Signal the whole process group; a process that has ended already is no error."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def close(self) -> None:
        """Give back the descriptors."""
        os.close(self.done_fd)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue


def _piped(stream: "Optional[IO[bytes]]") -> "IO[bytes]":
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


class Children:
    """All processes that this guest has started. One reaper for all: the guest is the init of its sandbox."""

    def __init__(self, environment: Dict[str, str]) -> None:
        self.environment = environment
        self._lock = threading.Lock()
        self._living: Dict[int, Child] = {}
        self._is_closing = False

    def spawn(self, argv: Sequence[str], *, cwd: str, env: Dict[str, str], **streams: Any) -> Child:
        """Start a program in its own session with the base environment and `env`."""
        if not argv:
            raise Fail("bad_request", "There is no program to run.")
        done_fd, done_writer = os.pipe()
        try:
            with self._lock:
                if self._is_closing:
                    raise Fail("stopping", "The sandbox is stopping.")
                process = subprocess.Popen(
                    list(argv), cwd=cwd, env=dict(self.environment, **env), start_new_session=True, **streams
                )
                child = Child(process, done_fd, done_writer)
                self._living[process.pid] = child
                return child
        except BaseException as error:
            os.close(done_fd)
            os.close(done_writer)
            if isinstance(error, (OSError, ValueError)):
                raise _start_failure(argv, cwd, error) from error
            raise

    def reap(self) -> None:
        """Collect every process that has ended, also adopted ones that nobody else will collect."""
        while True:
            with self._lock:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    return
                if pid == 0:
                    return
                child = self._living.pop(pid, None)
            if child is not None:
                child.end(status)

    def stop_all(self, grace_s: float) -> None:
        """TERM, a grace, KILL, until nothing that came from this guest lives; must run where `reap` is not running."""
        with self._lock:
            self._is_closing = True
        send_all(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while living():
            self.reap()
            if time.monotonic() >= deadline:
                send_all(signal.SIGKILL)
            time.sleep(0.01)
        self.reap()


def living() -> List[int]:
    """Every living process below this one; orphans are below it too, since it is their init or subreaper."""
    parents: Dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields and fields[0] not in ("Z", "X"):
                parents[int(name)] = int(fields[1])
    own = os.getpid()
    if own == 1:
        return [pid for pid in parents if pid != 1]
    return [pid for pid in parents if _descends(pid, own, parents)]


def _descends(pid: int, ancestor: int, parents: Dict[int, int]) -> bool:
    for _ in range(len(parents)):
        pid = parents.get(pid, 0)
        if pid == ancestor:
            return True
        if pid <= 1:
            return False
    return False


def send_all(number: int) -> None:
    """Signal everything that came from this guest."""
    for pid in [-1] if os.getpid() == 1 else living():
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def stat_fields(pid: int) -> Optional[List[str]]:
    """Fields of /proc/<pid>/stat from the state on; the name in front may contain anything."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rsplit(b")", 1)[1].decode("ascii").split()
    except (OSError, IndexError):
        return None


def start_time(pid: int) -> Optional[int]:
    """Clock ticks since boot at which a living process started; with the pid it names the process for good."""
    fields = stat_fields(pid)
    if not fields or fields[0] in ("Z", "X"):
        return None
    return int(fields[19])


def _start_failure(argv: Sequence[str], cwd: str, error: Exception) -> Fail:
    if isinstance(error, FileNotFoundError):
        if not os.path.isdir(cwd):
            return Fail("not_found", "There is no folder %s." % cwd)
        return Fail("command_not_found", "There is no program %s." % argv[0])
    if isinstance(error, PermissionError):
        return Fail("command_not_found", "%s cannot be run: %s" % (argv[0], error.strerror))
    return Fail("bad_request", "The program cannot be started: %s" % error)
