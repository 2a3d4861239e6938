"""How bubblewrap is asked to confine: what is visible inside, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from sandbox.errors import BackendUnavailable
from sandbox.folders import check_owned
from sandbox.inside import ARCHIVE, GATEWAY, GID, GROUP, HOME, PASSWD, STATE, UID, WORK
from sandbox.spec import LocalSpec

# --disable-userns came with 0.8.0; without it code inside could make namespaces of its own.
OLDEST = (0, 8, 0)
HINT = "Install bubblewrap 0.8 or later (`apt install bubblewrap`) and allow unprivileged user namespaces."

NAMESPACES = [
    *("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts"),
    *("--unshare-cgroup-try", "--new-session", "--as-pid-1", "--cap-drop", "ALL"),
    *("--uid", str(UID), "--gid", str(GID), "--hostname", "sandbox"),
]

SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

# Shown from the server's /etc: public by nature. Never the folder as a whole.
SHARED_ETC = (
    "alternatives",
    "ca-certificates.conf",
    "ld.so.cache",
    "localtime",
    "mime.types",
    "pki/ca-trust/extracted",
    "ssl/certs",
    "ssl/openssl.cnf",
)
OWN_ETC = {
    "passwd": PASSWD,
    "group": GROUP,
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
    "hostname": "sandbox\n",
}
SHM_BYTES = 256 * 2**20


def find() -> str:
    """The program on the server's PATH. Raises: BackendUnavailable when it is missing or too old."""
    program = shutil.which("bwrap")
    if program is None:
        raise BackendUnavailable("There is no bubblewrap here.", hint=HINT)
    answer = _version(program)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", answer)
    if found is None or tuple(int(part) for part in found.groups()) < OLDEST:
        raise BackendUnavailable(f"This bubblewrap is too old: {answer or 'unknown version'}.", hint=HINT)
    return program


@cache
def _version(program: str) -> str:
    try:
        return subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, env={}
        ).stdout.strip()
    except OSError:
        return ""


@cache
def interpreter() -> tuple[str, Path | None]:
    """A Python for the guest, and the folder it needs besides /usr (None when it is in there)."""
    for candidate in (Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        name = re.fullmatch(r"python3\.(\d+)", Path(os.path.realpath(candidate)).name)
        if candidate.exists() and name and int(name[1]) >= 8:
            return str(candidate), None
    prefix = Path(os.path.realpath(sys.base_prefix))
    return str(prefix / "bin" / f"python3.{sys.version_info.minor}"), prefix


def arguments(spec: LocalSpec, archive: Path) -> list[str]:
    """Everything but the command. Raises: SandboxRefused for a mount that is not the server's own real folder."""
    binds = [*system_binds(), *etc_binds(spec.root / "etc")]
    prefix = interpreter()[1]
    if prefix is not None:
        binds += ["--ro-bind", str(prefix), str(prefix)]
    # Our own /tmp on disk: a tmpfs would let an agent fill the server's memory.
    for name, target in (("tmp", "/tmp"), ("home", HOME), ("work", WORK), ("state", STATE)):
        binds += ["--bind", str(spec.root / name), target]
    binds += ["--ro-bind", str(archive), ARCHIVE]
    if spec.gateway_dir is not None:
        check_owned(spec.gateway_dir)
        binds += ["--ro-bind", str(spec.gateway_dir), GATEWAY]
    for mount in spec.mounts:
        check_owned(mount.source)
        binds += ["--ro-bind", str(mount.source), mount.target]
    return [*NAMESPACES, *binds, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]


def write_etc(folder: Path) -> None:
    """The sandbox's own small /etc."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in OWN_ETC.items():
        (folder / name).write_text(text)


def system_binds() -> list[str]:
    binds = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_LINKS:
        path = Path("/") / name
        if path.is_symlink():
            binds += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            binds += ["--ro-bind", str(path), str(path)]
    shared_memory = ["--size", str(SHM_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"]
    return [*binds, "--proc", "/proc", "--dev", "/dev", *shared_memory]


def etc_binds(own: Path) -> list[str]:
    binds = ["--dir", "/etc"]
    for name in OWN_ETC:
        binds += ["--ro-bind", str(own / name), f"/etc/{name}"]
    for name in SHARED_ETC:
        path = Path("/etc") / name
        if path.exists():
            binds += ["--ro-bind", str(path), str(path)]
    return binds
