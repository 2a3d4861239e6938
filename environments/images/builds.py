"""The life of a build in a worker: claimed, built, watched, named or ended; whatever happens, nothing is left over."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import structlog
from aiodocker import Docker
from channels.db import database_sync_to_async as in_db
from django.conf import settings

from accounts.errors import DomainError
from environments.deployment import deployment_id
from environments.images import contexts, labels, names, policy, records, rules
from environments.images.errors import BadDockerfile, BuildStopped
from environments.images.models import BuildStatus, ImageBuild
from environments.images.records import Outcome
from environments.images.reporter import REPORT_EVERY_S, Reporter
from runtime.failpoints import failpoint
from sandbox.docker import building as engine_building
from sandbox.docker import images
from sandbox.docker.building import Bounds, BuildFailed, EngineStopped, Layer, Made, Printed, Step
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError

logger = structlog.get_logger(__name__)

SWEEP_TIMEOUT_S = 30.0
_REASONS = {
    137: "It was killed, most likely since it needed more memory than a build may have.",
    153: "A file grew larger than an image may be.",
}


async def run(build_id: uuid.UUID) -> None:
    """Do a whole build; a second run after a crash begins anew."""
    build = await in_db(records.claim)(build_id)
    if build is None:
        return
    await sweep(build.environment_id)  # what a worker that was killed has left
    try:
        async with asyncio.timeout(settings.BUILD_TIMEOUT_S):
            outcome = await _outcome(build)
    except TimeoutError:
        minutes = settings.BUILD_TIMEOUT_S / 60
        outcome = Outcome(BuildStatus.FAILED, f"The build took longer than {minutes:.3g} minutes.")
    finally:
        await asyncio.shield(sweep(build.environment_id))
    if outcome is not None:
        await in_db(records.end)(build, outcome)


async def _outcome(build: ImageBuild) -> Outcome | None:
    """None when the image is there."""
    try:
        await _build(build)
    except BuildStopped:
        return Outcome(BuildStatus.CANCELLED)
    except BuildFailed as error:
        return Outcome(BuildStatus.FAILED, _told(error))
    except (DomainError, SandboxError) as error:
        return Outcome(BuildStatus.FAILED, error.message)
    return None


def _told(error: BuildFailed) -> str:
    reason = next((said for code, said in _REASONS.items() if error.message.endswith(f"code: {code}")), "")
    return f"{error.message}. {reason}" if reason else error.message


async def _build(build: ImageBuild) -> None:
    """Raises: BuildStopped, BuildFailed, DomainError, SandboxError."""
    policy.require_builds()
    checked = await in_db(policy.check)(build.dockerfile, build.organization_id)
    if checked.problems:
        raise BadDockerfile(checked.problems[0].message)
    deployment = await in_db(deployment_id)()
    during, at_end = labels.building(build, deployment), labels.finished(build, deployment)
    text, steps = rules.written(checked, during=during, at_end=at_end)
    reporter = Reporter(build, steps, {one.line: str(one) for one in checked.instructions})
    async with engine(settings.DOCKER_HOST or None) as client:
        work = asyncio.create_task(_work(client, build, reporter, checked, text))
        try:
            while not (await asyncio.wait({work}, timeout=REPORT_EVERY_S))[0]:
                await reporter.flush()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            with contextlib.suppress(BuildStopped):
                await reporter.finish()
        await _publish(client, build, work.result())


async def _work(client: Docker, build: ImageBuild, reporter: Reporter, checked: rules.Checked, text: str) -> str:
    """Let the engine build. Returns: the image's id. Raises: BuildFailed, EngineStopped, SandboxError."""
    for base in checked.bases:
        await _check_base(client, str(base))
    context = contexts.sent(text, build.environment_id, build.context_sha256)
    bounds = Bounds(
        network=settings.BUILD_NETWORK,
        memory_bytes=settings.BUILD_MEMORY_MB * 2**20,
        cpus=settings.BUILD_CPUS,
        file_bytes=settings.IMAGE_MAX_BYTES,
    )
    told = engine_building.build(client, context, bounds, use_cache=build.use_cache)
    async with contextlib.aclosing(told):
        return await _followed(client, reporter, told)


async def _followed(client: Docker, reporter: Reporter, told: AsyncIterator[engine_building.Told]) -> str:
    made = ""
    async for one in told:
        failpoint("build.told")
        if isinstance(one, Step):
            reporter.step(one.number)
        elif isinstance(one, Printed):
            reporter.print(one.text)
        elif isinstance(one, Layer):
            await _check_size(client, one.id)
        elif isinstance(one, Made):
            await _check_size(client, one.id)
            made = one.id
    return made


async def _check_base(client: Docker, name: str) -> None:
    """What an image does in the builds of others must be as harmless as the Dockerfile itself."""
    base = await images.inspect(client, name)
    if base is not None and (wrong := rules.check_triggers(list(base.triggers))):
        raise BuildFailed(f"The image {name} brings an instruction that is not allowed here: {wrong}")


async def _check_size(client: Docker, id: str) -> None:
    found = await images.inspect(client, id)
    if found and found.size_bytes > settings.IMAGE_MAX_BYTES:
        raise BuildFailed(f"The image is larger than {settings.IMAGE_MAX_BYTES // 2**20} MiB.")


async def _publish(client: Docker, build: ImageBuild, image_id: str) -> None:
    """Name and row, in this order: a name without a row is swept away, a row without its image would be a lie."""
    found = await images.inspect(client, image_id) if image_id else None
    if found is None or found.labels.get(labels.BUILD) != str(build.pk):  # the last step's, which nobody else can do
        raise EngineStopped
    name = names.built(build.environment_id, build.pk)
    await images.tag(client, image_id, repository=name.repository, tag=name.tag)
    failpoint("build.before_commit")
    try:
        await in_db(records.complete)(build, image_id=image_id, size_bytes=found.size_bytes)
    except BuildStopped:
        await images.remove(client, str(name))
        raise


async def sweep(environment_id: uuid.UUID) -> None:
    """Containers and nameless images of the environment's builds; a failure is left to the next sweep."""
    its = labels.leftovers(environment_id, await in_db(deployment_id)())
    try:
        async with asyncio.timeout(SWEEP_TIMEOUT_S), engine(settings.DOCKER_HOST or None) as client:
            await images.remove_leftovers(client, its)
    except (SandboxError, TimeoutError) as error:
        logger.warning("build_leftovers_stay", environment_id=str(environment_id), error=str(error))
