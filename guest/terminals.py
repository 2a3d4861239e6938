"""The terminals of a sandbox: programs on PTYs that live on without clients, with a bounded replay for the next one."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

from guest import wire
from guest.children import Child
from guest.conversation import Call
from guest.errors import Fail
from guest.places import checked_name

REPLAY_BYTES = 256 * 1024
LAG_BYTES = 128 * 1024
STALL_S = 5.0
MAX_TERMINALS = 64
MIN_ROWS, MAX_ROWS = 2, 500
MIN_COLS, MAX_COLS = 2, 1000

# After setsid, the first terminal that a session leader opens becomes its controlling terminal.
START = 'exec "$@" <>"$0" >&0 2>&0'


class Client:
    """One attached client: how far it has read, and how large its window is."""

    def __init__(self, position: int, rows: int, cols: int) -> None:
        self.position = position
        self.rows = rows
        self.cols = cols
        self.is_slow = False
        self.has_left = False


class Terminal:
    """A program on a PTY. Its newest output is kept; a client that lags makes it wait a while, then misses some."""

    def __init__(self, name: str, master: int, child: Child, rows: int, cols: int) -> None:
        self.name = name
        self.child = child
        self.clients: List[Client] = []
        self.rows, self.cols = rows, cols
        self._master = master
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._replay = bytearray()
        self._end = 0
        self.is_over = False

    def pump(self) -> None:
        """Read the program's output until it hangs up; runs in a thread of its own."""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self.child.done_fd, select.POLLIN)
        while True:
            with self._changed:
                self._await_clients()
            ready = dict(poll.poll())
            # A job in the background may hold the terminal open; the program itself decides when it is over.
            if self._master not in ready or not self._take():
                break
        self.child.kill_group(signal.SIGHUP)
        self.child.ended.wait()
        with self._writing, self._changed:
            self.is_over = True
            os.close(self._master)
            self.child.close()
            self._changed.notify_all()

    def _take(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        with self._changed:
            self._replay += data
            self._end += len(data)
            if len(self._replay) > 2 * REPLAY_BYTES:
                del self._replay[:-REPLAY_BYTES]
            self._changed.notify_all()
        return bool(data)

    def attach(self, rows: int, cols: int) -> Client:
        """A new client, at the beginning of the replay."""
        with self._changed:
            start = max(self._end - REPLAY_BYTES, self._end - len(self._replay))
            client = Client(start, rows, cols)
            self.clients.append(client)
            self._fit()
            return client

    def detach(self, client: Client) -> None:
        with self._changed:
            if client in self.clients:
                self.clients.remove(client)
            client.has_left = True
            self._fit()
            self._changed.notify_all()

    def resize(self, client: Client, rows: int, cols: int) -> None:
        with self._changed:
            client.rows, client.cols = rows, cols
            self._fit()

    def read(self, client: Client) -> Optional[bytes]:
        """What the client has not seen, when there is any; None when the program is over or the client has left."""
        with self._changed:
            while client.position >= self._end and not self.is_over and not client.has_left:
                self._changed.wait()
            if client.has_left or client.position >= self._end:
                return None
            first = self._end - len(self._replay)
            start = max(client.position, first)
            data = bytes(self._replay[start - first : start - first + wire.CHUNK])
            client.position = start + len(data)
            client.is_slow = client.is_slow and self._end - client.position > 0
            self._changed.notify_all()
            return data

    def write(self, data: bytes) -> None:
        """Type into the terminal; gives up when the program has not read its input for long."""
        with self._writing:
            if self.is_over:
                return
            view = memoryview(data)
            poll = select.poll()
            poll.register(self._master, select.POLLOUT)
            while view:
                if not poll.poll(STALL_S * 1000):
                    return
                try:
                    view = view[os.write(self._master, view[:4096]) :]
                except OSError:
                    return

    def info(self) -> Dict[str, Any]:
        return {
            "id": self.name,
            "is_alive": not self.is_over,
            "rows": self.rows,
            "cols": self.cols,
            "client_count": len(self.clients),
        }

    def close(self) -> None:
        """Hang up, and KILL what ignores that."""
        self.child.kill_group(signal.SIGHUP)
        self.child.kill_group(signal.SIGCONT)
        if not self.child.ended.wait(1.0):
            self.child.kill_group(signal.SIGKILL)
            self.child.ended.wait(5.0)

    def _await_clients(self) -> None:
        """Hold the program back while a client has much to read, but never for long."""
        deadline = time.monotonic() + STALL_S
        while True:
            behind = [c for c in self.clients if not c.is_slow and self._end - c.position > LAG_BYTES]
            remaining = deadline - time.monotonic()
            if not behind:
                return
            if remaining <= 0:
                for client in behind:
                    client.is_slow = True
                return
            self._changed.wait(remaining)

    def _fit(self) -> None:
        """The smallest window of all decides; without clients the size stays."""
        if not self.clients or self.is_over:
            return
        rows, cols = min(c.rows for c in self.clients), min(c.cols for c in self.clients)
        if (rows, cols) != (self.rows, self.cols):
            self.rows, self.cols = rows, cols
            _set_size(self._master, rows, cols)


def open_terminal(call: Call) -> Dict[str, Any]:
    """Start a program on a new terminal; the one that has this id already is kept."""
    name = checked_name(call.text("id"))
    argv = call.texts("argv")
    if not argv:
        raise Fail("bad_request", "There is no program to run.")
    rows, cols = _size(call.request, 24, 80)
    shelf = _terminals(call)
    with call.daemon.lock:
        if name in shelf:
            return shelf[name].info()
        if len(shelf) >= MAX_TERMINALS:
            raise Fail("bad_request", "There are %d terminals already." % MAX_TERMINALS)
        terminal = _start(call, name, argv, rows, cols)
        shelf[name] = terminal
    threading.Thread(target=terminal.pump, daemon=True).start()
    return terminal.info()


def attach(call: Call) -> Dict[str, Any]:
    """Carry a terminal to a client: replay, then live; what the client sends is typed. Ends with the program."""
    terminal = _terminals(call).get(call.text("id"))
    if terminal is None:
        raise Fail("no_such_terminal", "There is no such terminal.")
    client = terminal.attach(*_size(call.request, 24, 80))
    reader = threading.Thread(target=_listen, args=(call, terminal, client), daemon=True)
    reader.start()
    try:
        while True:
            data = terminal.read(client)
            if data is None:
                break
            call.wire.send(wire.DATA, data)
    finally:
        terminal.detach(client)
    if not terminal.is_over:
        raise ConnectionResetError("the client has left")
    return {"exit_code": terminal.child.exit_code, "signal": terminal.child.signal_number}


def list_terminals(call: Call) -> Dict[str, Any]:
    with call.daemon.lock:
        terminals = list(_shelf(call).values())
    return {"terminals": [terminal.info() for terminal in terminals]}


def close(call: Call) -> Dict[str, Any]:
    """Hang up and forget."""
    with call.daemon.lock:
        terminal = _shelf(call).pop(call.text("id"), None)
    if terminal is not None:
        terminal.close()
    return {}


def _listen(call: Call, terminal: Terminal, client: Client) -> None:
    try:
        while True:
            frame = call.wire.read()
            if frame is None:
                break
            kind, payload = frame
            if kind == wire.DATA:
                terminal.write(payload)
            elif kind == wire.INFO:
                terminal.resize(client, *_size(wire.parse_json(payload), client.rows, client.cols))
    except (OSError, wire.BrokenWire, Fail):
        pass
    finally:
        terminal.detach(client)


def _start(call: Call, name: str, argv: List[str], rows: int, cols: int) -> Terminal:
    master, slave = os.openpty()
    try:
        _set_size(slave, rows, cols)
        child = call.daemon.children.spawn(
            ["/bin/sh", "-c", START, os.ttyname(slave), *argv],
            cwd=call.text("cwd", call.daemon.places.work),
            env=dict({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, **call.environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except BaseException:
        os.close(master)
        os.close(slave)
        raise
    # Until the program has opened the terminal, our end keeps it from looking hung up.
    threading.Thread(target=_release_when_opened, args=(child, slave), daemon=True).start()
    return Terminal(name, master, child, rows, cols)


def _release_when_opened(child: Child, slave: int) -> None:
    path = os.ttyname(slave)
    for _ in range(500):
        if child.ended.wait(0.01):
            break
        try:
            if os.readlink("/proc/%d/fd/0" % child.pid) == path:
                break
        except OSError:
            continue
    os.close(slave)


def _set_size(fd: int, rows: int, cols: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def _size(request: Dict[str, Any], rows: int, cols: int) -> Tuple[int, int]:
    return (
        _clamped(request.get("rows"), rows, MIN_ROWS, MAX_ROWS),
        _clamped(request.get("cols"), cols, MIN_COLS, MAX_COLS),
    )


def _clamped(value: Any, default: int, low: int, high: int) -> int:
    wanted = default if isinstance(value, bool) or not isinstance(value, int) else value
    return min(max(wanted, low), high)


def _terminals(call: Call) -> Dict[str, Terminal]:
    with call.daemon.lock:
        return _shelf(call)


def _shelf(call: Call) -> Dict[str, Terminal]:
    shelf: Dict[str, Terminal] = call.daemon.shelf.setdefault("terminals", {})
    return shelf
