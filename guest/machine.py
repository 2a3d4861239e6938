"""What the platform does on a machine that it reaches over SSH: one request, one answer, then this process ends.

A sandbox there is a folder of its own below the work directory (0700) and the processes that carry its mark. The
folder is all that is known of it: `handle.json` names its guest, so that a server that died over a start finds it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, Iterator, List, Optional

from guest.children import PATH, start_time
from guest.errors import Fail
from guest.removal import remove_tree

START_TIMEOUT_S = 20.0
KILL_TIMEOUT_S = 10.0
STEP_S = 0.01
MARK = "SLIPWAY_SANDBOX"
FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
HANDLE = "handle.json"
TRUNK = "\nslipway:trunk\n"
LOG_TAIL = 2000
MAX_ROOT = 88  # bytes: a socket's address holds 107, and "/gate/agent.sock" comes behind
MAX_PATH = 8192
# Where people install programs for themselves; the PATH of a command over SSH often leaves these out.
OWN_PLACES = ("~/.local/bin", "~/.claude/local", "~/.npm-global/bin", "~/bin", "/usr/local/bin")


def answer(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Do what is asked; what goes wrong is an answer, too."""
    try:
        verb = {"open": open_sandbox, "look": look, "end": end, "remove": remove, "list": running, "check": check}
        verb["trunk"] = carry
        result: Dict[str, Any] = verb[request["verb"]](base, request)
        return {"ok": result}
    except Fail as error:
        return {"error": error.code, "path": base, "reason": error.message}
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return {"error": "full" if full else "system", "path": base, "reason": error.strerror or str(error)}


def open_sandbox(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Start the guest of a sandbox, or find the one that runs there already."""
    root = _root(base, request)
    if len(os.fsencode(root)) > MAX_ROOT:
        raise Fail("folder", "its path is too long for sockets below it; name a shorter one")
    _make_private(root)
    with _locked(root):
        known = _handle(root)
        if known is not None and _is_alive(known):
            if known.get("machine_id") == request["machine_id"]:
                return known
            end(base, known)  # one that the platform has given up; the files are its successor's now
        _refuse_noexec(root)
        for name in ("home", "work", "state", "gate"):
            _make_private(os.path.join(root, name))
        handle = _start(root, request)
        _await(root, handle)
        return handle


def look(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """How a sandbox is, without a word to its guest; why it ended, should it have."""
    root = _root(base, request)
    return {
        "boot": _boot(),
        "is_alive": _is_alive(request),
        "has_folder": os.path.isdir(root),
        "log_tail": _log_tail(root),
    }


def end(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """KILL whatever is left of a sandbox: its guest, and all that carries its mark, however it was started."""
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while True:
        left = _marked(request["machine_id"])
        if _is_alive(request):
            left.append(request["pid"])
        if not left or time.monotonic() > deadline:
            return {"left": len(left)}
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(STEP_S)


def remove(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """End a sandbox, and remove its folder whatever an agent made of it; one that would not end keeps it."""
    ended = end(base, request)
    if not ended["left"]:
        remove_tree(_root(base, request))
    return ended


def running(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """The sandboxes of one deployment that live here: their handles by folder."""
    found = {}
    for name in sorted(os.listdir(base)):
        if FOLDER.fullmatch(name):
            handle = _handle(os.path.join(base, name))
            if handle is not None and handle.get("deployment") == request["deployment"] and _is_alive(handle):
                found[name] = handle
    return {"sandboxes": found}


def carry(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Conversations with a guest over our own stdin and stdout, behind one line of greeting; it does not return."""
    from guest import trunk

    root = _root(base, request)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # nobody reads it
    sys.stdout.write(TRUNK)
    sys.stdout.flush()
    os._exit(trunk.main([os.path.join(root, "guest.sock")]))


def check(base: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """Whether sessions can run here, and what there is."""
    _refuse_noexec(base)
    disk = os.statvfs(base)
    return {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "base": base,
        "user": _user(),
        "git": _version("git"),
        "agent": find_agent(request.get("agent_path", "")) or "",
        "free_bytes": disk.f_bavail * disk.f_frsize,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "cpus": os.cpu_count(),
    }


def find_agent(configured: str) -> Optional[str]:
    """The agent's program: the configured one, else `claude` where a person of this account would find it."""
    if configured:
        path = os.path.expanduser(configured)
        return path if os.access(path, os.X_OK) and os.path.isfile(path) else None
    return shutil.which("claude", path=_search_path())


def _start(root: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """A guest that is nobody's child; written down before anybody waits for it."""
    state = os.path.join(root, "state")
    options = ["--socket", os.path.join(root, "guest.sock"), "--label", request["machine_id"], "--subreaper"]
    options += ["--home", os.path.join(root, "home"), "--work", os.path.join(root, "work"), "--state", state]
    options += ["--gateway", os.path.join(root, "gate"), "--lifetime", str(request["lifetime_s"])]
    options += ["--path", _search_path()]
    options += [word for name in request["sockets"] for word in ("--outlet", name)]
    with open(os.path.join(root, "log"), "ab") as log:
        guest = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", sys.argv[0], "serve", *options],
            cwd="/",
            env={MARK: request["machine_id"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    guest.returncode = 0  # It outlives this process on purpose.
    handle = {
        "pid": guest.pid,
        "start": start_time(guest.pid),
        "boot": _boot(),
        "machine_id": request["machine_id"],
        "deployment": request["deployment"],
        "root": root,
    }
    _write(os.path.join(root, HANDLE), json.dumps(handle))
    return handle


def _await(root: str, handle: Dict[str, Any]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and _is_alive(handle):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(os.path.join(root, "guest.sock"))
            return
        time.sleep(STEP_S)
    with contextlib.suppress(ProcessLookupError):
        os.kill(handle["pid"], signal.SIGKILL)
    raise Fail("start", _log_tail(root) or "It left no word in its log.")


def _root(base: str, request: Dict[str, Any]) -> str:
    if not FOLDER.fullmatch(request["folder"]):
        raise Fail("bad_request", "This is no name of a sandbox's folder.")
    return os.path.join(base, request["folder"])


def _make_private(path: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Fail("folder", "%s is a link, or belongs to somebody else." % path)


@contextlib.contextmanager
def _locked(root: str) -> Iterator[None]:
    """One opener at a time; another one waits and finds what the first has made."""
    fd = os.open(os.path.join(root, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Fail("busy", "This sandbox is being opened elsewhere.") from None
                time.sleep(STEP_S)
        yield
    finally:
        os.close(fd)


def _refuse_noexec(folder: str) -> None:
    """Agents build and run programs in here; a file system that forbids it is told at once, not at the first build."""
    fd, path = tempfile.mkstemp(dir=folder, prefix=".try-")
    try:
        with open(fd, "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(path, 0o700)
        subprocess.run([path], check=False, stdin=subprocess.DEVNULL, cwd="/", env={})
    except PermissionError:
        raise Fail("noexec", folder) from None
    finally:
        os.unlink(path)


def _handle(root: str) -> Optional[Dict[str, Any]]:
    try:
        with open(os.path.join(root, HANDLE), "rb") as file:
            value = json.loads(file.read(LOG_TAIL).decode("ascii"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _is_alive(handle: Dict[str, Any]) -> bool:
    pid, start = handle.get("pid"), handle.get("start")
    if not isinstance(pid, int) or pid <= 1 or not isinstance(start, int) or handle.get("boot") != _boot():
        return False
    return start_time(pid) == start


def _marked(machine_id: str) -> List[int]:
    wanted = ("%s=%s" % (MARK, machine_id)).encode("ascii")
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open("/proc/%s/environ" % name, "rb") as file:
                    is_marked = wanted in file.read().split(b"\0")
            except OSError:
                continue
            if is_marked and start_time(int(name)) is not None:
                found.append(int(name))
    return found


def _search_path() -> str:
    """Where programs are looked for: as in a command over SSH, and where people of this account put their own."""
    found = os.environ.get("PATH", "")
    places = found.split(os.pathsep) if found and len(found) < MAX_PATH else PATH.split(os.pathsep)
    own = [os.path.expanduser(place) for place in OWN_PLACES]
    return os.pathsep.join(places + [place for place in own if place not in places and os.path.isdir(place)])


def _log_tail(root: str) -> str:
    try:
        with open(os.path.join(root, "log"), "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - LOG_TAIL, 0))
            return file.read(LOG_TAIL).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _version(program: str) -> str:
    path = shutil.which(program, path=_search_path())
    if path is None:
        return ""
    done = subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    return done.stdout.decode("utf-8", "replace").strip()[:200]


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def _write(path: str, text: str) -> None:
    with open(path + ".new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
