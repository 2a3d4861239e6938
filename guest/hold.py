"""The holder of one agent: owns its stdin pipe and its exit status, so that both survive whoever started it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Dict, List, Optional, Tuple

from guest import disk, runs
from guest.children import start_time

STDERR_KEPT = 64 * 1024
CHUNK = 64 * 1024
FULL_DISK_S = 120.0  # how long a full disk may keep us from telling how the agent ended
FULL_DISK_PAUSE_S = 0.5
ENTRY = re.compile(r"([0-9]{12})-(.+)")


def main(arguments: List[str]) -> int:
    """`hold FOLDER`, with {"argv", "cwd", "env"} on stdin: run the agent to its end."""
    folder = arguments[0]
    # Nothing of the environment of the agent is kept on disk or shown in the list of processes.
    request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    lock = runs.try_lock(folder)
    if lock is None or os.path.exists(os.path.join(folder, "pid")):
        return 3
    Holder(folder, request).run()
    os.close(lock)
    return 0


class Holder:
    """Feeds whole lines to the agent, keeps the end of its stderr, records its exit."""

    def __init__(self, folder: str, request: Dict[str, object]) -> None:
        self._folder = folder
        self._request = request
        self._bell = _open_bell(folder)
        self._stderr = StderrLog(folder)
        self._pending: Optional[Tuple[str, bytes, int]] = None

    def run(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        # Caught, not ignored: an ignored signal would stay ignored in the agent.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        process = self._start()
        if process is None:
            return
        runs.write_whole(
            self._folder, "pid", json.dumps({"pid": process.pid, "start": start_time(process.pid)}).encode("ascii")
        )
        self._serve(process, reader)
        self._drain_stderr(process)
        self._record_exit(process.returncode)

    def _start(self) -> "Optional[subprocess.Popen[bytes]]":
        spool = os.open(
            os.path.join(self._folder, runs.SPOOL), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600
        )
        try:
            process = subprocess.Popen(
                self._request["argv"],
                cwd=self._request["cwd"],
                env=self._request["env"],
                stdin=subprocess.PIPE,
                stdout=spool,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._stderr.write(("The agent cannot be started: %s\n" % error).encode("utf-8", "replace"))
            self._record_exit(127)  # before the pid, for which whoever starts the agent waits
            runs.write_whole(self._folder, "pid", b'{"pid": 0, "start": 0}')
            return None
        finally:
            os.close(spool)
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stderr.fileno(), False)
        return process

    def _serve(self, process: "subprocess.Popen[bytes]", wakeup: int) -> None:
        is_stderr_open, is_stdin_open = True, True
        while process.poll() is None:
            if is_stdin_open and self._pending is None:
                self._pending = self._next_line()
            poll = select.poll()
            for fd in (wakeup, self._bell):
                poll.register(fd, select.POLLIN)
            if is_stderr_open:
                poll.register(process.stderr.fileno(), select.POLLIN)
            if is_stdin_open and self._pending is not None:
                poll.register(process.stdin.fileno(), select.POLLOUT)
            ready = dict(poll.poll())
            for fd in (wakeup, self._bell):
                if fd in ready:
                    _empty(fd)
            if is_stderr_open and process.stderr.fileno() in ready:
                is_stderr_open = self._take_stderr(process)
            if is_stdin_open and process.stdin.fileno() in ready:
                is_stdin_open = self._feed(process.stdin.fileno())

    def _next_line(self) -> Optional[Tuple[str, bytes, int]]:
        inbox = os.path.join(self._folder, "inbox")
        for name in sorted(os.listdir(inbox)):
            if ENTRY.fullmatch(name):
                with open(os.path.join(inbox, name), "rb") as file:
                    data = file.read()
                if data.endswith(b"\n"):
                    return name, data, 0
                os.unlink(os.path.join(inbox, name))
        return None

    def _feed(self, stdin: int) -> bool:
        """Write what the pipe takes; False when the agent has closed its stdin."""
        name, data, position = self._pending
        try:
            position += os.write(stdin, data[position : position + CHUNK])
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        if position < len(data):
            self._pending = (name, data, position)
            return True
        self._pending = None
        staged = os.path.join(self._folder, "inbox", name)
        os.truncate(staged, 0)
        os.rename(staged, os.path.join(self._folder, "done", ENTRY.fullmatch(name).group(2)))
        return True

    def _take_stderr(self, process: "subprocess.Popen[bytes]") -> bool:
        try:
            data = os.read(process.stderr.fileno(), CHUNK)
        except BlockingIOError:
            return True
        self._stderr.write(data)
        return bool(data)

    def _drain_stderr(self, process: "subprocess.Popen[bytes]") -> None:
        for _ in range(64):
            try:
                data = os.read(process.stderr.fileno(), CHUNK)
            except BlockingIOError:
                return
            if not data:
                return
            self._stderr.write(data)

    def _record_exit(self, status: int) -> None:
        value = {
            "exit_code": status if status >= 0 else None,
            "signal": -status if status < 0 else None,
            "at": time.time(),
        }
        for _ in range(round(FULL_DISK_S / FULL_DISK_PAUSE_S)):
            try:
                return runs.write_whole(self._folder, "exit", json.dumps(value).encode("ascii"))
            except OSError as error:
                if error.errno not in disk.FULL:
                    raise
            time.sleep(FULL_DISK_PAUSE_S)


class StderrLog:
    """Two files that take turns, so that the newest 64 KiB are always there and 128 KiB are never passed."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "err.log")
        self._previous = os.path.join(folder, "err.prev")
        self._size = 0
        self._lost = 0
        self._open()

    def write(self, data: bytes) -> None:
        """Append, turning the files over when one is full; what finds no room on the disk is counted and named."""
        try:
            if self._lost:
                note, lost = b"\n[%d bytes were lost: the disk was full]\n" % self._lost, self._lost
                self._append(note)
                self._lost -= lost
            self._append(data)
        except OSError as error:
            if error.errno not in disk.FULL:
                raise
            self._lost += len(data)

    def _append(self, data: bytes) -> None:
        if self._size + len(data) > STDERR_KEPT:
            os.close(self._fd)
            os.rename(self._path, self._previous)
            self._size = 0
            self._open()
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._size += len(data)

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _open_bell(folder: str) -> int:
    path = os.path.join(folder, "bell")
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    # Read and write: opening never blocks, and there is never an end of file when a ringer leaves.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _empty(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            continue
    except BlockingIOError:
        return
