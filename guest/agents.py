"""Agent runs: start one once, deliver whole lines to it once, read its spool from any offset."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, Optional

from guest import disk, runs, wire
from guest.children import start_time
from guest.conversation import Call
from guest.errors import Fail
from guest.follow import Watch
from guest.places import checked_name

LINE_LIMIT = 64 * 1024 * 1024
STDERR_TAIL = 16 * 1024
START_TIMEOUT_S = 20.0
ENTRY = re.compile(r"([0-9]{12})-(.+)")


def start(call: Call) -> Dict[str, Any]:
    """Start the agent of a run unless it was started before; either way say how it is."""
    folder = call.daemon.places.run(call.text("run"))
    request = {
        "argv": call.texts("argv"),
        "cwd": call.text("cwd", call.daemon.places.work),
        "env": dict(call.daemon.children.environment, **call.environment()),
    }
    if not request["argv"]:
        raise Fail("bad_request", "There is no program to run.")
    with _lock(call, "agents"):
        for name in ("inbox", "done"):
            os.makedirs(os.path.join(folder, name), mode=0o700, exist_ok=True)
        if not os.path.exists(os.path.join(folder, "pid")):
            _start_holder(call, folder, request)
    return _status(call, folder)


def status(call: Call) -> Dict[str, Any]:
    """How the agent of a run is; a run that was never started does not exist."""
    return _status(call, call.daemon.places.run(call.text("run")))


def send(call: Call) -> Dict[str, Any]:
    """Stage whole lines for the agent; an id that was taken before is reported and not delivered again."""
    folder = _existing(call)
    message_id = checked_name(call.text("message_id"))
    data = b"".join(call.data(LINE_LIMIT))
    if not data.endswith(b"\n"):
        raise Fail("bad_request", "Only whole lines are delivered.")
    with _lock(call, "send." + folder):
        entries = [match for match in map(ENTRY.fullmatch, os.listdir(os.path.join(folder, "inbox"))) if match]
        is_known = os.path.exists(os.path.join(folder, "done", message_id))
        if is_known or any(entry.group(2) == message_id for entry in entries):
            return {"is_duplicate": True}
        if runs.read_json(folder, "exit") is not None or not runs.is_held(folder):
            raise Fail("agent_ended", "The agent has ended.")
        number = max([int(entry.group(1)) for entry in entries], default=0) + 1
        runs.write_whole(folder, "inbox/%012d-%s" % (number, message_id), data)
    _ring(folder)
    return {"is_duplicate": False}


def read(call: Call) -> Dict[str, Any]:
    """Send the spool from `offset` on, and what comes, until the agent has ended and all is sent."""
    folder = _existing(call)
    offset = call.integer("offset", 0, 0, 2**62)
    watch = Watch(folder)
    try:
        fd = os.open(os.path.join(folder, runs.SPOOL), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        watch.close()
        return {"offset": offset}
    try:
        while True:
            sent = _send_from(call, fd, offset)
            if sent:
                offset += sent
                watch.grew()
                continue
            if _is_over(folder):
                return {"offset": offset + _send_from(call, fd, offset)}  # what came before we looked
            watch.wait(call.wire.fileno())
            if call.wire.is_closed():
                raise ConnectionResetError("the client has left")
    finally:
        os.close(fd)
        watch.close()


def send_signal(call: Call) -> Dict[str, Any]:
    """Signal the agent; KILL goes to its whole process group."""
    folder = _existing(call)
    number = call.integer("signal", int(signal.SIGTERM), 1, signal.NSIG - 1)
    pid = _living_pid(folder)
    if pid is None:
        return {"was_alive": False}
    if number == signal.SIGKILL:
        runs.write_whole(folder, "killed", b"")
    try:
        (os.killpg if number == signal.SIGKILL else os.kill)(pid, number)
    except ProcessLookupError:
        return {"was_alive": False}
    return {"was_alive": True}


def _start_holder(call: Call, folder: str, request: Dict[str, Any]) -> None:
    argv = [sys.executable, "-I", "-S", "-X", "utf8", sys.argv[0], "hold", folder]
    holder = call.daemon.children.spawn(
        argv, cwd="/", env={}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        holder.process.stdin.write(json.dumps(request).encode("ascii"))
        holder.process.stdin.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not os.path.exists(os.path.join(folder, "pid")):
            if holder.ended.wait(0.003) and not os.path.exists(os.path.join(folder, "pid")):
                raise Fail("agent_not_started", "The holder of the agent ended with status %d." % holder.status)
            if time.monotonic() > deadline:
                holder.kill_group()
                raise Fail("agent_not_started", "The agent did not start in time.")
    finally:
        holder.close()


def _status(call: Call, folder: str) -> Dict[str, Any]:
    places = call.daemon.places
    is_disk_full = disk.is_full(places.state) or disk.is_full(places.work)
    identity = runs.read_json(folder, "pid")
    if identity is None:
        return {"exists": False, "is_alive": False, "pid": None, "exit_code": None, "signal": None,
                "size_bytes": 0, "stderr_tail": "", "is_disk_full": is_disk_full, "oom_killed": False}  # fmt: skip
    pid = _living_pid(folder)
    ending = runs.read_json(folder, "exit") or {}
    return {
        "exists": True,
        "is_alive": pid is not None,
        "pid": identity.get("pid"),
        "exit_code": ending.get("exit_code"),
        "signal": ending.get("signal"),
        "size_bytes": _size(os.path.join(folder, runs.SPOOL)),
        "stderr_tail": _stderr_tail(folder),
        "is_disk_full": is_disk_full,
        "oom_killed": _was_killed_for_memory(call, folder, ending),
    }


def _was_killed_for_memory(call: Call, folder: str, ending: Dict[str, Any]) -> bool:
    """The evidence: a KILL that nobody here sent, while the kernel counted one more of its own."""
    moment = ending.get("at")
    is_ours = os.path.exists(os.path.join(folder, "killed"))
    if ending.get("signal") != signal.SIGKILL or is_ours or not isinstance(moment, float):
        return False
    return call.daemon.memory.has_killed_at(moment)


def _living_pid(folder: str) -> Optional[int]:
    """The agent's pid, if the process of that number is still the agent and its exit is not recorded."""
    identity = runs.read_json(folder, "pid") or {}
    pid, start = identity.get("pid"), identity.get("start")
    if not isinstance(pid, int) or pid <= 1 or runs.read_json(folder, "exit") is not None:
        return None
    return pid if start_time(pid) == start else _awaited(folder, pid)


def _awaited(folder: str, pid: int) -> Optional[int]:
    """A dead agent whose holder is about to write how it ended counts as alive until that is done."""
    deadline = time.monotonic() + 2.0
    while runs.is_held(folder) and time.monotonic() < deadline:
        if runs.read_json(folder, "exit") is not None:
            return None
        time.sleep(0.005)
    return None


def _is_over(folder: str) -> bool:
    return runs.read_json(folder, "exit") is not None or not runs.is_held(folder)


def _send_from(call: Call, fd: int, offset: int) -> int:
    sent = 0
    while True:
        data = os.pread(fd, wire.CHUNK, offset + sent)
        if not data:
            return sent
        call.wire.send(wire.DATA, data)
        sent += len(data)


def _existing(call: Call) -> str:
    folder = call.daemon.places.run(call.text("run"))
    if not os.path.exists(os.path.join(folder, "pid")):
        raise Fail("no_such_run", "There is no such agent run.")
    return folder


def _ring(folder: str) -> None:
    try:
        fd = os.open(os.path.join(folder, "bell"), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # Nobody listens: the agent has just ended.
    try:
        os.write(fd, b"!")
    except BlockingIOError:
        return
    finally:
        os.close(fd)


def _stderr_tail(folder: str) -> str:
    data = b"".join(_tail(os.path.join(folder, name)) for name in ("err.prev", "err.log"))
    return data[-STDERR_TAIL:].decode("utf-8", "replace")


def _tail(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        file.seek(max(os.fstat(fd).st_size - STDERR_TAIL, 0))
        return file.read(STDERR_TAIL)


def _size(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_size
    except OSError:
        return 0


def _lock(call: Call, name: str) -> Any:
    with call.daemon.lock:
        return call.daemon.shelf.setdefault("lock." + name, threading.Lock())
