"""The daemon: accepts conversations, reaps processes, and ends the sandbox when the platform has forgotten it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional

from guest import PROTOCOL, disk, keeping, repository, wire
from guest.children import PATH, Children
from guest.conversation import Call
from guest.errors import Fail
from guest.memory import OomWatch
from guest.places import Places

MAX_CONNECTIONS = 256
REQUEST_TIMEOUT_S = 10.0
FAREWELL_S = 10.0
CHECK_S = 5.0
NICENESS = 5  # people wait for the server on the same cores, and for agents only through it

VERBS = {
    "exec": "execute.run",
    "agent.start": "agents.start",
    "agent.status": "agents.status",
    "agent.read": "agents.read",
    "agent.send": "agents.send",
    "agent.signal": "agents.send_signal",
    "file.read": "files.read",
    "file.write": "files.write",
    "file.list": "files.list_folder",
    "file.stat": "files.stat",
    "terminal.open": "terminals.open_terminal",
    "terminal.attach": "terminals.attach",
    "terminal.list": "terminals.list_terminals",
    "terminal.close": "terminals.close",
    "disk.room": "disk.room",
    "transcript.check": "transcripts.check",
    "git.clone": "repository.clone",
    "git.status": "repository.status",
    "git.snapshot": "snapshots.snapshot",
    "git.pack": "snapshots.send_pack",
    "git.restore": "restoring.restore",
    "gateway.take": "outlet.take",
}


class Daemon:
    """The state of a sandbox; one thread per conversation, and the main thread for processes and time."""

    def __init__(
        self,
        listener: socket.socket,
        places: Places,
        *,
        label: str,
        lifetime_s: float,
        path: str = PATH,
        kept: str = "",
    ) -> None:
        self.places = places
        self.children = Children(dict(places.environment(label), PATH=path))
        self.lock = threading.Lock()
        self.shelf: Dict[str, Any] = {}
        self.memory = OomWatch()
        self._listener = listener
        self._lifetime_s = lifetime_s
        self.bystanders = 0  # conversations that wait for something to happen here, and ask for nothing
        self._kept = kept
        self._connections = 0
        self._last_word = time.monotonic()

    def run(self) -> None:
        """Serve until stopped or forgotten."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        while True:
            remaining = self._remaining_s()
            if remaining <= 0:
                # Told to whoever made this sandbox, through its log: nobody killed us.
                sys.stderr.write("ended: lifetime\n")
                sys.stderr.flush()
            if remaining <= 0 or self._is_removed():
                self.stop(grace_s=5.0)
            self.memory.look()
            disk.keep_reserve(self.places.state)
            waiting: List[Any] = [self._listener, reader]
            ready = select.select(waiting, [], [], min(remaining, CHECK_S))[0]
            if reader in ready and signal.SIGTERM in os.read(reader, 4096):
                sys.stderr.write("ended: terminated\n")
                sys.stderr.flush()
                self.stop(grace_s=2.0)
            self.children.reap()
            if self._listener in ready:
                self._accept()

    def stop(self, *, grace_s: float, farewell: Optional[Callable[[], None]] = None) -> None:
        """End everything in the sandbox, then this process; it does not return."""
        self.children.stop_all(grace_s)
        if self._kept:
            keeping.put_away(self.places.state, self._kept)
        if farewell is not None:
            farewell()
        os._exit(0)

    def hello(self) -> Dict[str, Any]:
        """Who answers, and where things are."""
        places = self.places
        return {
            "protocol": PROTOCOL,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "pid": os.getpid(),
            "home": places.home,
            "work": places.work,
            "gateway_socket": os.path.join(places.gateway, "api.sock"),
        }

    def _remaining_s(self) -> float:
        with self.lock:
            if self._connections > self.bystanders:
                return self._lifetime_s
            return self._lifetime_s - (time.monotonic() - self._last_word)

    def _is_removed(self) -> bool:
        """Whether our folder was deleted from outside: then nobody can ever find this sandbox again."""
        try:
            os.stat(os.path.join(self.places.state, "runs"))  # gVisor never looks at the folder itself again
            return os.stat(self.places.state).st_nlink == 0
        except OSError:
            return True

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        with self.lock:
            is_full = self._connections >= MAX_CONNECTIONS
            if not is_full:
                self._connections += 1
        if is_full:
            sock.close()
            return
        threading.Thread(target=self._converse, args=(sock,), daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        try:
            with sock:
                self._answer(wire.Wire(sock))
        except OSError:
            return  # The client has left; what belonged to the call has been ended by the verb.
        finally:
            with self.lock:
                self._connections -= 1
                self._last_word = time.monotonic()

    def _answer(self, connection: wire.Wire) -> None:
        try:
            connection.sock.settimeout(REQUEST_TIMEOUT_S)
            frame = connection.read()
            connection.sock.settimeout(None)
            if frame is None:
                return
            if frame[0] != wire.REQUEST:
                raise wire.BrokenWire("no request")
            call = Call(self, connection, wire.parse_json(frame[1]))
            result: Dict[str, Any] = {"ok": self._perform(call)}
        except Fail as error:
            result = {"error": {"code": error.code, "message": error.message[:4000]}}
        except wire.BrokenWire as error:
            result = {"error": {"code": "bad_request", "message": str(error)}}
        except MemoryError:
            result = {"error": {"code": "too_large", "message": "There is not enough memory in the sandbox."}}
        except BrokenPipeError:
            raise
        except OSError as error:
            result = {"error": {"code": "io_error", "message": str(error)[:4000]}}
        connection.send_json(wire.FINAL, result)
        _see_off(connection.sock)

    def _perform(self, call: Call) -> Dict[str, Any]:
        verb = call.text("verb")
        if verb == "hello":
            return self.hello()
        if verb == "stop":
            grace_s = call.number("grace_s", 5.0, 0.0, 60.0)
            self.stop(grace_s=grace_s, farewell=lambda: call.wire.send_json(wire.FINAL, {"ok": {}}))
        if verb not in VERBS:
            raise Fail("bad_request", "There is no verb %s." % verb[:80])
        module, name = VERBS[verb].split(".")
        result: Dict[str, Any] = getattr(importlib.import_module("guest." + module), name)(call)
        return result


def main(arguments: List[str]) -> int:
    """`serve --fd N …`: serve the listening socket that was inherited; `--socket PATH` makes one."""
    parser = argparse.ArgumentParser(prog="serve")
    parser.add_argument("--fd", type=int)
    parser.add_argument("--socket")
    parser.add_argument("--home", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--gateway", default="/run/slipway/gateway")
    parser.add_argument("--path", default=PATH)
    parser.add_argument("--label", default="")
    parser.add_argument("--lifetime", type=float, default=43200.0)
    parser.add_argument("--max-file-bytes", type=int, default=16 * 2**30)
    parser.add_argument("--max-processes", type=int)
    parser.add_argument("--subreaper", action="store_true")
    parser.add_argument("--outlet", action="append", default=[], help="make this socket, for the platform to serve")
    parser.add_argument("--kept", default="", help="a folder that outlives the sandbox, where the state does not")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    os.nice(NICENESS)
    _limit(options.max_file_bytes, options.max_processes)
    if options.subreaper:
        _become_subreaper()
    places = Places(home=options.home, work=options.work, state=options.state, gateway=options.gateway)
    os.makedirs(os.path.join(options.state, "runs"), mode=0o700, exist_ok=True)
    repository.drop_half_clone(places)
    if options.kept:
        keeping.bring_back(options.kept, options.state)
    listener = _listener(options.fd, options.socket)
    threading.stack_size(512 * 1024)
    settings = {"label": options.label, "lifetime_s": options.lifetime, "path": options.path, "kept": options.kept}
    daemon = Daemon(listener, places, **settings)
    if options.outlet:
        from guest import outlet

        outlet.prepare(daemon, options.outlet)
    daemon.run()
    return 0


def _see_off(sock: socket.socket) -> None:
    """Read what the client still sends: closing on unread data would take our answer away from it."""
    sock.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + FAREWELL_S
    while time.monotonic() < deadline:
        sock.settimeout(max(deadline - time.monotonic(), 0.01))
        if not sock.recv(wire.CHUNK):
            return


def _listener(fd: Optional[int], path: Optional[str]) -> socket.socket:
    if fd is not None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=fd)
        listener.set_inheritable(False)
    else:
        listener = _bind(path or "")
    listener.setblocking(False)
    return listener


def _bind(path: str) -> socket.socket:
    """Listen at a path of any length; a socket left by a dead daemon is replaced (the caller holds the lock)."""
    folder, name = os.path.split(path)
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder_fd)
        previous = os.umask(0o077)
        listener.bind("/proc/self/fd/%d/%s" % (folder_fd, name))
        os.umask(previous)
        listener.listen(128)
        return listener
    finally:
        os.close(folder_fd)


def _limit(max_file_bytes: int, max_processes: Optional[int]) -> None:
    """Limits that everything started here inherits."""
    wishes = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, max_file_bytes), (resource.RLIMIT_NOFILE, 65536)]
    if max_processes is not None:
        wishes.append((resource.RLIMIT_NPROC, max_processes))
    for kind, wanted in wishes:
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def _become_subreaper() -> None:
    """Orphans of our processes become our children, so that `stop` finds them.

    gVisor knows no such thing: there the container's init reaps them, and ending the container ends them.
    """
    import ctypes

    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        if number != errno.EINVAL:
            raise OSError(number, "prctl")
