"""`exec`: one command with its streams; it does not outlive its conversation."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import Any, Dict, Optional

from guest import wire
from guest.children import Child
from guest.conversation import Call
from guest.errors import Fail

BUFFER_LIMIT = 256 * 1024
SILENCE_S = 0.25

READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


def run(call: Call) -> Dict[str, Any]:
    """Run `argv`; give its exit, or fail with `timeout` after `timeout_s`. Its process group dies with the call."""
    has_input = call.flag("stdin")
    timeout_s = call.request.get("timeout_s")
    deadline = None if timeout_s is None else time.monotonic() + call.number("timeout_s", 0, 0, 7 * 86400)
    child = call.daemon.children.spawn(
        call.texts("argv"),
        cwd=call.text("cwd", call.daemon.places.work),
        env=call.environment(),
        stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        call.wire.send_json(wire.INFO, {"pid": child.pid})
        _Pump(call.wire, child, deadline).run()
        return {"exit_code": child.exit_code, "signal": child.signal_number}
    finally:
        child.kill_group()
        child.ended.wait()
        child.close()


class _Pump:
    """Moves bytes between the wire and a process, holding little: a slow side makes the other one wait."""

    def __init__(self, connection: wire.Wire, child: Child, deadline: Optional[float]) -> None:
        self._wire = connection
        self._child = child
        self._deadline = deadline
        self._outgoing = bytearray()
        self._stdin = bytearray()
        self._is_input_over = child.process.stdin is None
        self._sources: Dict[int, bytes] = {}
        for stream, kind in ((child.stdout, wire.DATA), (child.stderr, wire.DATA_ERR)):
            os.set_blocking(stream.fileno(), False)
            self._sources[stream.fileno()] = kind
        if child.process.stdin is not None:
            os.set_blocking(child.process.stdin.fileno(), False)
        connection.sock.setblocking(False)

    def run(self) -> None:
        try:
            for frame in self._wire.parsed():
                self._take(*frame)
            ended_at: Optional[float] = None
            while self._sources or self._outgoing or ended_at is None:
                ready = self._wait(ended_at)
                is_quiet = not any(fd in ready for fd in self._sources)
                self._move(ready)
                if ended_at is None and self._child.ended.is_set():
                    ended_at = time.monotonic()
                elif ended_at is not None and is_quiet and not self._outgoing and not ready:
                    # A process in the background holds the streams open; the command itself is over.
                    return
        except Fail:
            # A frame may be half sent; the answer must not land in the middle of it.
            self._wire.sock.setblocking(True)
            self._wire.sock.sendall(self._outgoing)
            raise
        finally:
            self._wire.sock.setblocking(True)

    def _wait(self, ended_at: Optional[float]) -> Dict[int, int]:
        interest: Dict[int, int] = {self._wire.fileno(): 0}
        if len(self._stdin) < BUFFER_LIMIT:
            interest[self._wire.fileno()] |= select.POLLIN
        if self._outgoing:
            interest[self._wire.fileno()] |= select.POLLOUT
        if len(self._outgoing) < BUFFER_LIMIT:
            interest.update(dict.fromkeys(self._sources, select.POLLIN))
        if self._stdin and self._child.process.stdin is not None:
            interest[self._child.process.stdin.fileno()] = select.POLLOUT
        if ended_at is None:
            interest[self._child.done_fd] = select.POLLIN
        poll = select.poll()
        for fd, events in interest.items():
            poll.register(fd, events)
        timeout_s = SILENCE_S if ended_at is not None and not self._outgoing else None
        if self._deadline is not None:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise Fail("timeout", "The command took too long.")
            timeout_s = remaining if timeout_s is None else min(timeout_s, remaining)
        return dict(poll.poll(None if timeout_s is None else timeout_s * 1000 + 1))

    def _move(self, ready: Dict[int, int]) -> None:
        if ready.get(self._wire.fileno(), 0) & READABLE:
            self._receive()
        stdin = self._child.process.stdin
        if stdin is not None and not stdin.closed and stdin.fileno() in ready:
            self._write_input()
        for fd in [fd for fd in self._sources if fd in ready]:
            self._read_output(fd)
        if self._outgoing:
            try:
                sent = self._wire.sock.send(self._outgoing)
            except BlockingIOError:
                return
            del self._outgoing[:sent]

    def _receive(self) -> None:
        try:
            data = self._wire.sock.recv(wire.CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("the client has left")
        for kind, payload in self._wire.feed(data):
            self._take(kind, payload)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == wire.DATA and not self._is_input_over:
            self._stdin += payload
            self._write_input()
        elif kind == wire.END:
            self._is_input_over = True
            self._write_input()
        elif kind == wire.INFO:
            number = wire.parse_json(payload).get("signal")
            if isinstance(number, int) and 0 < number < signal.NSIG:
                self._child.kill_group(number)

    def _write_input(self) -> None:
        stdin = self._child.process.stdin
        if stdin is None or stdin.closed:
            self._stdin.clear()
            return
        try:
            while self._stdin:
                del self._stdin[: os.write(stdin.fileno(), self._stdin[: wire.CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._is_input_over = True
            self._stdin.clear()
        if self._is_input_over:
            stdin.close()

    def _read_output(self, fd: int) -> None:
        try:
            data = os.read(fd, wire.CHUNK)
        except BlockingIOError:
            return
        if data:
            self._outgoing += wire.pack(self._sources[fd], data)
        else:
            del self._sources[fd]
