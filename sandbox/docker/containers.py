"""What is asked of the engine about containers: which there are, how they are, and that they end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiodocker import Docker, DockerError
from aiodocker.containers import DockerContainer

from sandbox.docker.engine import GONE, IN_USE
from sandbox.errors import SandboxError

KILL_TIMEOUT_S = 15.0
LOG_BYTES = 2000
ENDED = (GONE, IN_USE)  # it has ended, is gone, or somebody else removes it just now

State = dict[str, Any]


def wanted(labels: Mapping[str, str]) -> list[str]:
    """As a filter of the engine's; an empty value asks for the label alone."""
    return [f"{name}={value}" if value else name for name, value in labels.items()]


async def labelled(client: Docker, labels: Mapping[str, str], *, only_running: bool) -> list[DockerContainer]:
    """The containers that carry all these labels; an empty value asks for the label alone."""
    filters = json.dumps({"label": wanted(labels)})
    return await client.containers.list(filters=filters, all="false" if only_running else "true")


async def state_of(client: Docker, container: str) -> State | None:
    """The engine's words on a container's life; None when it knows no such container."""
    try:
        state: State = (await client.containers.get(container))["State"]
    except DockerError as error:
        if error.status == GONE:
            return None
        raise
    return state


async def kill(client: Docker, container: str) -> None:
    """End whatever still runs in it, and wait until nothing does. Raises: SandboxError."""
    try:
        if (await state_of(client, container) or {}).get("Running"):
            await client.containers.container(container).kill()
        await client.containers.container(container).wait(timeout=KILL_TIMEOUT_S)
    except DockerError as error:
        if error.status not in ENDED:
            raise
    except TimeoutError as error:
        raise SandboxError("The container cannot be ended.") from error


async def remove(client: Docker, container: str) -> None:
    """End it, and remove it with whatever its image made for it."""
    try:
        await client.containers.container(container).delete(force=True, v=True)
    except DockerError as error:
        if error.status not in ENDED:
            raise


async def last_words(client: Docker, container: str) -> str:
    """The end of what its first process printed."""
    try:
        lines = await client.containers.container(container).log(stdout=True, stderr=True, tail=50)
    except DockerError:
        return ""
    return "".join(lines)[-LOG_BYTES:].strip()


def instant(text: str) -> datetime | None:
    """One of the engine's times, which have nanoseconds; None for its year one."""
    try:
        found = datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return None
    return found if found.year > 1 else None
