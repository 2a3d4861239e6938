"""`become`: from whatever user a sandbox was started as to the agent's, with an empty environment and no privileges."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from typing import List

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
MOST_CAPABILITIES = 64
PYTHON = ["-I", "-S", "-X", "utf8"]
DAMAGED = 90


def main(arguments: List[str]) -> int:
    """`become --uid N --gid N [--own FOLDER …] [--sha256 D] [--link TARGET PATH] -- ROLE …`."""
    split = arguments.index("--")
    parser = argparse.ArgumentParser(prog="become")
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--gid", type=int, required=True)
    parser.add_argument("--own", nargs="*", default=[], help="folders that the agent's user gets")
    parser.add_argument("--sha256", default="", help="what the archive must hold")
    parser.add_argument("--link", nargs=2, help="a folder, and where the agent looks for it")
    options = parser.parse_args(arguments[:split])
    archive = sys.argv[0]
    if options.sha256 and not _is_whole(archive, options.sha256):
        sys.stderr.write("the guest arrived damaged\n")
        return DAMAGED
    if os.geteuid() == 0:
        for folder in options.own:
            os.makedirs(folder, exist_ok=True)
            os.chown(folder, options.uid, options.gid)
        _drop(options.uid, options.gid)
    if options.link:
        _link(*options.link)
    # Started anew, so that nothing of the first environment can be read in /proc.
    python = sys.executable or os.readlink("/proc/self/exe")
    os.execve(python, [python, *PYTHON, archive, *arguments[split + 1 :]], {})


def _is_whole(archive: str, wanted: str) -> bool:
    with open(archive, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == wanted


def _drop(uid: int, gid: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(MOST_CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # those that the kernel does not know are no loss
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _link(target: str, path: str) -> None:
    """Show a folder where the agent looks for one, unless there is something of its own."""
    if os.path.isdir(target) and not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)
