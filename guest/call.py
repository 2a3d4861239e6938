"""`call`: one conversation over stdin and stdout, where exec is the way in; starts the daemon when needed."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from typing import List, Optional

CHUNK = 128 * 1024
START_TIMEOUT_S = 20.0
SOCKET = "guest.sock"
GUEST = [sys.executable, "-I", "-S", "-X", "utf8", sys.argv[0]]


def main(arguments: List[str]) -> int:
    """`call [--only-connect] --state FOLDER …`: the arguments are the daemon's, should it have to be started."""
    folder = arguments[arguments.index("--state") + 1]
    os.makedirs(folder, mode=0o700, exist_ok=True)
    sock = _connect(folder)
    if sock is None and "--only-connect" not in arguments:
        sock = _start(folder, arguments)
    if sock is None:
        sys.stderr.write("the guest cannot be started\n")
        return 1
    _bridge(sock)
    return 0


def _connect(folder: str) -> Optional[socket.socket]:
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect("/proc/self/fd/%d/%s" % (folder_fd, SOCKET))
        return sock
    except OSError:
        sock.close()
        return None
    finally:
        os.close(folder_fd)


def _start(folder: str, arguments: List[str]) -> Optional[socket.socket]:
    """Start the daemon once, however many calls come at the same time."""
    with open(os.path.join(folder, "start.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sock = _connect(folder)
        if sock is not None:
            return sock
        with open(os.path.join(folder, "guest.log"), "ab") as log:
            daemon = subprocess.Popen(
                [*GUEST, "serve", "--socket", os.path.join(folder, SOCKET), "--subreaper", *arguments],
                cwd="/",
                env={},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while sock is None and daemon.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
            sock = _connect(folder)
        # It outlives this process on purpose.
        daemon.returncode = 0
        return sock


def _bridge(sock: socket.socket) -> None:
    """Carry bytes both ways with little in between; the end of either side is the end of the conversation."""
    source, target = sys.stdin.fileno(), sys.stdout.fileno()
    sock.setblocking(False)
    os.set_blocking(target, False)
    inward, outward = bytearray(), bytearray()
    is_open, is_answering = True, True
    while is_answering or outward:
        interest = {sock.fileno(): 0}
        if is_open and len(inward) < CHUNK:
            interest[source] = select.POLLIN
        if inward:
            interest[sock.fileno()] |= select.POLLOUT
        if is_answering and len(outward) < CHUNK:
            interest[sock.fileno()] |= select.POLLIN
        if outward:
            interest[target] = select.POLLOUT
        poll = select.poll()
        for fd, events in interest.items():
            if events:
                poll.register(fd, events)
        ready = dict(poll.poll())
        if source in ready and source in interest:
            data = os.read(source, CHUNK)
            inward += data
            if not data:
                # The caller has gone: leave too, so that the guest ends what belongs to this conversation.
                return
        if sock.fileno() in ready:
            is_answering = _exchange(sock, inward, outward, is_answering)
        if target in ready:
            try:
                del outward[: os.write(target, outward)]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return


def _exchange(sock: socket.socket, inward: bytearray, outward: bytearray, is_answering: bool) -> bool:
    try:
        if inward:
            del inward[: sock.send(inward)]
    except BlockingIOError:
        pass
    except OSError:
        inward.clear()
    if not is_answering or len(outward) >= CHUNK:
        return is_answering
    try:
        data = sock.recv(CHUNK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    outward += data
    return bool(data)
