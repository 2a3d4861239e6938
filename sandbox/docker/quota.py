"""What a home may hold: looked at where the disk has filled, and told when it is too much.

No file system that an engine is likely to lie on bounds a folder by itself, so the files are counted: when the disk's
free space has shrunk since the last count, and now and then. A home that was full from the beginning may be tidied up
in: only one that grows is too much.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from sandbox.docker import homes, usage, volumes
from sandbox.docker.engine import engine
from sandbox.docker.usage import Usage
from sandbox.spec import DockerSpec

SHRUNK = 0.05  # of what a home may hold: so much less free space is a reason to count
COUNT_S = 300.0  # another one
FORGET_S = 3600.0  # who was not counted for so long has ended
COUNT_VOLUMES_S = 60.0  # where the engine's disk is not for us to look at
GROWTH = 0.05  # of what it may hold, for one that was full from the beginning
UNCOUNTABLE = (
    "The sandbox's files could not be counted, since there are too many or they lie too deep, and it was stopped."
)


@dataclass
class _Seen:
    """The last count of one machine's files."""

    at: float
    free: int | None
    least: int  # of all counts


class Watch:
    """Remembers counts, by machine; a server that has just begun counts once more."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    async def excess(self, spec: DockerSpec) -> str:
        """Why the sandbox is to be stopped; empty when it is not. Raises: SandboxError (the engine cannot be asked)."""
        spec = homes.as_it_is(spec)
        free, seen = _free(spec), self._seen.get(spec.machine_id)
        if seen is not None and not _is_due(spec, seen, free):
            return ""
        found = await _counted(spec)
        if found is None:
            return ""
        least = min(seen.least, found.size_bytes) if seen else found.size_bytes
        self._keep(spec.machine_id, _Seen(time.monotonic(), free, least))
        if not found.is_whole:
            return UNCOUNTABLE
        most = max(spec.disk_bytes, least + spec.disk_bytes * GROWTH) if least > spec.disk_bytes else spec.disk_bytes
        return _sentence(spec) if found.size_bytes > most else ""

    def _keep(self, machine_id: str, seen: _Seen) -> None:
        living = {id: one for id, one in self._seen.items() if one.at > seen.at - FORGET_S}
        self._seen = {**living, machine_id: seen}

    def forget(self, machine_id: str) -> None:
        self._seen.pop(machine_id, None)


def _sentence(spec: DockerSpec) -> str:
    return f"The sandbox's files outgrew the {spec.disk_bytes // 2**20} MB that they may take, and it was stopped."


def _is_due(spec: DockerSpec, seen: _Seen, free: int | None) -> bool:
    if free is None or seen.free is None:
        return time.monotonic() - seen.at > COUNT_VOLUMES_S
    if free > seen.free:
        seen.free = free  # what somebody else frees is not to hide what fills up here
    return seen.free - free > spec.disk_bytes * SHRUNK or time.monotonic() - seen.at > COUNT_S


def _free(spec: DockerSpec) -> int | None:
    """Bytes that are free where the files lie; None where only the engine knows."""
    if spec.storage == "volume":
        return None
    try:
        found = os.statvfs(spec.root)
    except FileNotFoundError:
        return None
    return found.f_bavail * found.f_frsize


async def _counted(spec: DockerSpec) -> Usage | None:
    own = await usage.of(spec.root)
    if own is None or spec.storage == "folder":
        return own
    async with engine(spec.engine) as client:
        return Usage(own.size_bytes + await volumes.used_bytes(client, spec), own.files, own.is_whole)


watch = Watch()
