"""A sandbox's folders on this machine, which its containers get bound one after the other."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace

from sandbox import inside
from sandbox.errors import SandboxRefused
from sandbox.spec import DockerSpec

FOLDERS = ("state", "socket")  # of every home, and
KEPT = ("home", "work")  # of one whose files are not in volumes
MARK = "volumes"  # lies in one whose files are
NOTE = "reason"


@dataclass(frozen=True)
class Owner:
    """Who the agent is inside, and so whom its folders belong to outside."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def owner() -> Owner:
    """The usual user inside; a server that is not root can give folders to nobody but itself."""
    return Owner(inside.UID, inside.GID) if os.geteuid() == 0 else Owner(os.geteuid(), os.getegid())


def as_it_is(spec: DockerSpec) -> DockerSpec:
    """The spec with what the home already keeps its files in: a new configuration moves no files."""
    if (spec.root / MARK).exists():
        return replace(spec, storage="volume")
    return replace(spec, storage="folder") if (spec.root / KEPT[0]).exists() else spec


def note(spec: DockerSpec, container: str, reason: str) -> None:
    """Keep why this server ends a container, in a place that the agent does not see."""
    (spec.root / NOTE).write_text(f"{container}\n{reason}")


def noted(spec: DockerSpec, container: str) -> str:
    """What was noted of this container; empty when nothing was."""
    try:
        of, _, reason = (spec.root / NOTE).read_text().partition("\n")
    except OSError:
        return ""
    return reason if of == container else ""


def make(spec: DockerSpec, owner: Owner) -> None:
    """Folders for the user inside, below one of the server's: the agent can replace none of them, only fill them.

    Raises: SandboxRefused (something else is in their place).
    """
    root = spec.root
    for name in FOLDERS if spec.storage == "volume" else (*FOLDERS, *KEPT):
        path = root / name
        path.mkdir(mode=0o700, exist_ok=True)
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise SandboxRefused(f"{path} is not a folder of the server.")
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    # A socket that an earlier container left could be taken for the next one's.
    (root / "socket" / inside.SOCKET).unlink(missing_ok=True)
    texts = {
        "passwd": inside.PASSWD.replace(f":{inside.UID}:{inside.GID}:", f":{owner.uid}:{owner.gid}:"),
        "group": inside.GROUP.replace(f":{inside.GID}:", f":{owner.gid}:"),
    }
    for name, text in texts.items():
        (root / name).write_text(text)
        (root / name).chmod(0o644)
