"""A Docker engine: does it answer, and has it the image and the runtime?"""

from __future__ import annotations

from typing import Any

from aiodocker import Docker, DockerError
from channels.db import database_sync_to_async as in_db
from django.conf import settings

from environments.images.choice import image_of
from environments.models import Environment
from environments.probes.base import Status
from sandbox.docker.engine import engine
from sandbox.errors import BackendUnavailable

ANSWER_S = 4.0
NOT_BUILT = "The image of this environment has not been built yet; build it first."


async def probe(environment: Environment) -> Status:
    config = environment.config
    image = await in_db(image_of)(environment)
    try:
        async with engine(settings.DOCKER_HOST or None, timeout_s=ANSWER_S) as client:
            known = (await client.system.info()).get("Runtimes") or {}
            has_image = bool(image) and await _has(client, image)
    except BackendUnavailable as error:
        return Status(False, error=error.message, details={"docker_daemon": False})
    has_runtime = config.get("runtime", "runc") in known
    details: dict[str, Any] = {"docker_daemon": True, "image_exists": has_image, "runtime_exists": has_runtime}
    if not has_runtime:
        return Status(False, error=f"This Docker engine has no runtime {config.get('runtime')}.", details=details)
    if not has_image:
        missing = f"This Docker engine has no image {image}. Build or pull it there." if image else NOT_BUILT
        return Status(False, error=missing, details=details)
    return Status(True, details=details)


async def _has(client: Docker, image: str) -> bool:
    try:
        await client.images.inspect(image)
    except DockerError as error:
        if error.status in (400, 404):
            return False
        raise
    return True
