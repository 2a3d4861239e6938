"""One build by the engine's classic builder, told as it goes on.

What the engine says and what a command in the build prints arrive in one stream, so a step may be imitated: it is good
for showing how far a build is, and for nothing else. The image's id comes apart, and cannot be imitated.

Source: docs.docker.com/reference/api/engine/version/v1.41, “Build an image” (read November 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiodocker import Docker

from sandbox.errors import SandboxError

MAX_LINE = 2 * 2**20  # bytes of one message of the engine
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)
_LAYER = re.compile(r" ---> ([0-9a-f]{12,64})\n?")
_NOISE = re.compile(
    r" ---> (?:Running in )?[0-9a-f]+\n?|Removing intermediate container [0-9a-f]+\n?|Successfully built [0-9a-f]+\n?"
)


class BuildFailed(SandboxError):
    """The image could not be built."""


class EngineStopped(SandboxError):
    """The Docker engine stopped in the middle of the build; build it again."""


@dataclass(frozen=True)
class Bounds:
    """What a build may take. `network` is the engine's name for one, `none` for none at all."""

    network: str
    memory_bytes: int
    cpus: float
    file_bytes: int  # of any one file that it writes


@dataclass(frozen=True)
class Step:
    """An instruction begins; both numbers from 1."""

    number: int
    total: int


@dataclass(frozen=True)
class Printed:
    """What a command in the build has printed, or the engine says besides."""

    text: str


@dataclass(frozen=True)
class Layer:
    """An instruction is done, and this is the image so far."""

    id: str


@dataclass(frozen=True)
class Made:
    """A stage is complete, and this is its image; the last one is what was asked for."""

    id: str


Told = Step | Printed | Layer | Made


async def build(
    client: Docker, context: AsyncIterator[bytes], bounds: Bounds, *, use_cache: bool
) -> AsyncGenerator[Told]:
    """Build from a tar with a `Dockerfile` in it; whoever stops reading stops the build.

    Raises: BuildFailed (with the engine's words), EngineStopped.
    """
    params: dict[str, str | int] = {
        "version": "1",
        "dockerfile": "Dockerfile",
        "networkmode": bounds.network,
        "memory": bounds.memory_bytes,
        "memswap": bounds.memory_bytes,
        "cpuperiod": 100_000,
        "cpuquota": int(bounds.cpus * 100_000),
        "ulimits": json.dumps([_limit("fsize", bounds.file_bytes), _limit("core", 0)]),
        "nocache": int(not use_cache),
        "rm": 1,
        "forcerm": 1,
    }
    headers = {"Content-Type": "application/x-tar"}
    # aiodocker's own `build` leaves out what bounds one.
    async with client._query("build", "POST", params=params, data=context, headers=headers, timeout=None) as response:
        try:
            async for message in _messages(response.content):
                for told in _told(message):
                    yield told
        except aiohttp.ClientError as error:
            raise EngineStopped from error
        finally:
            response.close()  # the engine ends a build that nobody listens to


async def _messages(stream: Any) -> AsyncIterator[dict[str, Any]]:
    """One JSON object a line."""
    kept = b""
    async for data in stream.iter_any():
        *lines, kept = (kept + data).split(b"\n")
        if len(kept) > MAX_LINE:
            raise BuildFailed("The engine sent a message without end.")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _told(message: dict[str, Any]) -> list[Told]:
    if "error" in message or "errorDetail" in message:
        detail = message.get("errorDetail") or {}
        raise BuildFailed(
            str(detail.get("message") or message.get("error") or "").strip() or "The engine does not say why."
        )
    aux = message.get("aux")
    if isinstance(aux, dict) and "ID" in aux:
        return [Made(str(aux["ID"]))]
    text = message.get("stream")
    if isinstance(text, str) and text:
        return _said(text)
    status = message.get("status")
    return [Printed(f"{status}\n")] if isinstance(status, str) and "progressDetail" not in message else []


def _said(text: str) -> list[Told]:
    if step := _STEP.fullmatch(text):
        return [Step(int(step[1][:6]), int(step[2][:6]))]
    if layer := _LAYER.fullmatch(text):
        return [Layer(layer[1])]
    return [] if _NOISE.fullmatch(text) or text == "\n" else [Printed(text)]


def _limit(name: str, value: int) -> dict[str, object]:
    return {"Name": name, "Soft": value, "Hard": value}
