"""What an engine has of an environment, seen from outside of what is tested."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiodocker import Docker

from sandbox.docker import images
from sandbox.docker.engine import engine
from sandbox.docker.images import Image
from tests.engine import Engine


def ask(docker: Engine, question: Callable[[Docker], Awaitable[Any]]) -> Any:
    """The engine's answer; in a thread, since Playwright's loop may run in this one."""
    answers: list[Any] = []

    async def asked() -> None:
        async with engine(docker.url) as client:
            answers.append(await question(client))

    thread = threading.Thread(target=lambda: asyncio.run(asked()))
    thread.start()
    thread.join()
    [answer] = answers
    return answer


def on_engine(docker: Engine, environment_id: uuid.UUID | str) -> list[Image]:
    """The engine's images that builds of the environment have made."""
    found: list[Image] = ask(docker, images.list_images)
    return [image for image in found if str(environment_id) in image.labels.values()]


def left_over(docker: Engine, environment_id: uuid.UUID | str) -> list[object]:
    """Containers and nameless images of the environment's builds."""
    filters = {"label": [f"slipway.building={environment_id}"]}
    containers = ask(docker, lambda client: client.containers.list(all=True, filters=filters))
    nameless = [image for image in on_engine(docker, environment_id) if not image.names]
    return [*containers, *nameless]
