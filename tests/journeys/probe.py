#!/usr/bin/env python3
"""What an agent that means no good would run: looks for secrets everywhere and tries all ways out.

Arguments: patterns in hex, each made so that it does not match its own text, and the server's port. It tells where it
found which pattern, never what it found.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

LEFT_OUT = ("/proc", "/sys", "/usr", "/dev")


def look(place: str, data: bytes, patterns: list[re.Pattern[bytes]], own: bytes) -> None:
    for number, pattern in enumerate(patterns):
        if pattern.search(data):
            say("FOUND", number, place)
    if set(re.findall(rb"slpg_[A-Za-z0-9_-]{43}", data)) - {own}:
        say("FOUND another token", place)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def places() -> list[str]:
    processes = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    found = [f"/proc/{name}/{part}" for name in processes for part in ("environ", "cmdline", "maps", "mountinfo")]
    for top, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(top, name) not in LEFT_OUT]
        found += [os.path.join(top, name) for name in files]
    return found


def read(place: str) -> bytes | None:
    with contextlib.suppress(OSError):
        path = Path(place)
        if path.is_file() and path.stat().st_size < 50_000_000:
            return path.read_bytes()
    return None


def connect(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), 2).close()
        say("CONNECTED", host)
    except OSError as error:
        say("CLOSED", host, type(error).__name__)


def ask(path: str, token: str) -> str:
    """The status line that the one socket gives."""
    with socket.socket(socket.AF_UNIX) as way_out:
        way_out.settimeout(5)
        way_out.connect(os.environ["ANTHROPIC_UNIX_SOCKET"])
        head = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", f"Authorization: Bearer {token}"]
        way_out.sendall("\r\n".join([*head, f"x-api-key: {token}", "", ""]).encode())
        return way_out.recv(200).split(b"\r\n")[0].decode()


def main() -> None:
    own = os.environ.get("ANTHROPIC_API_KEY", "")
    patterns = [re.compile(bytes.fromhex(text)) for text in sys.argv[1:-1]]
    seen = 0
    for place in places():
        data = read(place)
        if data is not None:
            look(place, data, patterns, own.encode())
            seen += 1
    look("environment", repr(dict(os.environ)).encode(), patterns, own.encode())
    say("SEEN", seen, "files")
    find = ["find", "/", "-type", "s", "-not", "-path", "/proc/*"]
    say("SOCKETS", subprocess.run(find, capture_output=True, text=True, check=False).stdout.split())
    for host in ("127.0.0.1", "localhost", "::1"):
        connect(host, int(sys.argv[-1]))
    for path in ("/api/me", "/api/orgs", "/admin/", "/gateway/anthropic/v1/models", "/gateway/../api/me"):
        say("ASKED", path, ask(path, own))


if __name__ == "__main__":
    main()
