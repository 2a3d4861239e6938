"""Which processors a container runs on: never all of them, so that one that takes all it can leaves one to the others.

A quota of time would not do: with as many threads as there are processors a sandbox uses it up on all of them at once,
and whoever wakes up meanwhile waits for a turn, some milliseconds each time. Containers leave out processors in turn.
"""

from __future__ import annotations

import os
from collections import Counter

from aiodocker import Docker

from sandbox.docker import containers
from sandbox.docker.labels import SPARED


def ours() -> list[int]:
    """The processors that this server may use; the engine is on the same machine."""
    return sorted(os.sched_getaffinity(0))


async def to_spare(client: Docker) -> int | None:
    """The processor that the fewest running containers leave out; None when there is but one."""
    known = ours()
    if len(known) < 2:
        return None
    running = await containers.labelled(client, {SPARED: ""}, only_running=True)
    spared = Counter(container["Labels"][SPARED] for container in running)
    return min(known, key=lambda number: (spared[str(number)], number))


def without(spared: int | None) -> str:
    """All but this one, as the engine wants it; empty for all that there are."""
    return "" if spared is None else ",".join(str(number) for number in ours() if number != spared)


def at_most(cpus: float) -> float:
    """What a sandbox may have of as many processors, where it never has all of them."""
    return min(cpus, max(1, len(ours()) - 1))
