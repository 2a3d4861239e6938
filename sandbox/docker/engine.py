"""A client of the Docker engine for one task, whose errors are ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiodocker import Docker, DockerError

from sandbox.errors import BackendUnavailable, SandboxError, SandboxRefused

CONNECT_S = 5.0
ANSWER_S = 60.0
GONE, IN_USE = 404, 409  # what the engine says of what it does not know, and of what something else has or removes
NOT_THERE = 900  # aiodocker's own status
HINT = (
    "Start the Docker engine (`systemctl start docker`), let this server use its socket, or set `SLIPWAY_DOCKER_HOST`."
)


@asynccontextmanager
async def engine(url: str | None, *, timeout_s: float = ANSWER_S, keep: bool = False) -> AsyncIterator[Docker]:
    """A client; whatever the engine refuses comes as an error of ours. With `keep` it stays open unless one comes.

    Raises: BackendUnavailable (no engine answers), SandboxRefused (there is no such image or network, or the request
        makes no sense to the engine), SandboxError.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_S)
    try:
        client = Docker(url=url, timeout=timeout)
    except (ValueError, AssertionError) as error:  # the second when it finds none
        raise BackendUnavailable("There is no Docker engine here.", hint=HINT) from error
    is_done = False
    try:
        yield client
        is_done = True
    except DockerError as error:
        raise translated(error) from error
    except TimeoutError as error:
        raise BackendUnavailable("The Docker engine does not answer in time.", hint=HINT) from error
    except (aiohttp.ClientError, OSError) as error:
        raise BackendUnavailable(f"The Docker engine does not answer: {error}.", hint=HINT) from error
    finally:
        if not (keep and is_done):
            await client.close()


def translated(error: DockerError) -> SandboxError:
    """The engine's refusal as an error of ours; its own words are kept, since they name what is wrong."""
    message = error.message.strip().rstrip(".")
    if error.status == NOT_THERE:
        return BackendUnavailable(f"The Docker engine does not answer: {message}.", hint=HINT)
    if error.status in (400, 404):
        return SandboxRefused(f"Docker says no: {message}.")
    return SandboxError(f"Docker failed: {message}.")
