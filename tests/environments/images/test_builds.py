"""Builds by a real engine: good ones, failing ones, those that are cut off, and what is left of each."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Organization
from accounts.tenancy import Actor
from environments.images import builds, choice, services, upkeep
from environments.images.errors import ImageNotBuilt
from environments.images.models import BuildStatus, ImageBuild
from environments.models import Deployment, Environment
from tests.engine import Engine
from tests.environments.images.conftest import docker_environment, log_of, request
from tests.environments.images.looking import left_over, on_engine

pytestmark = pytest.mark.django_db(transaction=True)


def run(build: ImageBuild) -> ImageBuild:
    async_to_sync(builds.run)(build.pk)
    build.refresh_from_db()
    return build


async def run_until_it_works(build: ImageBuild, text: str) -> asyncio.Task[None]:
    """The build under way, once it has printed this line."""
    task = asyncio.create_task(builds.run(build.pk))
    async with asyncio.timeout(30):
        while f"\n{text}\n" not in await sync_to_async(log_of)(build):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return task


class TestRun:
    def test_makes_an_image_that_the_environment_uses_and_replaces_it(
        self, docker: Engine, alice_actor: Actor, environment: Environment
    ) -> None:
        text = f"# Ours.\nFROM {docker.image}\nRUN echo one && \\\n  echo two\nENV A=b\n"
        first = run(request(alice_actor, environment, text))

        assert (first.status, first.error, first.step, first.steps) == (BuildStatus.COMPLETED, "", 3, 3)
        assert first.size_bytes
        assert choice.image_of(environment) == first.image_id
        assert log_of(first) == (
            f"[1/3] FROM {docker.image}\n[2/3] RUN echo one &&   echo two\none\ntwo\n[3/3] ENV A=b\n"
        )
        [image] = on_engine(docker, environment.pk)
        assert image.id == first.image_id
        assert image.names == (f"slipway/environment-{environment.pk}:{first.pk.hex}",)
        assert image.labels["slipway.image.organization"] == str(environment.organization_id)
        assert left_over(docker, environment.pk) == []

        second = run(request(alice_actor, environment, text.replace("one", "three")))
        async_to_sync(upkeep.tidy)(now=timezone.now())

        assert choice.image_of(environment) == second.image_id
        assert [image.id for image in on_engine(docker, environment.pk)] == [second.image_id]
        first.refresh_from_db()
        assert first.removed_at is not None

        services.delete_dockerfile(actor=alice_actor, environment_id=environment.pk, now=timezone.now())
        async_to_sync(upkeep.remove_images)(environment.pk, now=timezone.now())

        assert choice.image_of(environment) == "debian:12"
        assert on_engine(docker, environment.pk) == []

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("RUN echo before; exit 3", "returned a non-zero code: 3"),
            ("RUN dd if=/dev/zero of=/file bs=1 count=1 seek=BEYOND", "larger than an image may be"),
            (
                "RUN dd if=/dev/zero of=/a bs=1000 count=1500; dd if=/dev/zero of=/b bs=1000 count=1500",
                "The image is larger than",
            ),
            ("COPY missing /x", "missing"),
            ("FROM nowhere.invalid/nothing:1", "nowhere.invalid"),
        ],
    )
    def test_tells_what_failed_at_its_line_and_leaves_nothing(
        self, docker: Engine, alice_actor: Actor, environment: Environment, settings: Settings, line: str, error: str
    ) -> None:
        found = async_to_sync(choice.on_engine)()
        base_bytes = next(image.size_bytes for image in found if docker.image in image.names)
        settings.IMAGE_MAX_BYTES = base_bytes + 2_000_000
        line = line.replace("BEYOND", str(settings.IMAGE_MAX_BYTES))
        build = run(request(alice_actor, environment, f"FROM {docker.image}\n\n{line}\nRUN echo never\n"))

        assert build.status == BuildStatus.FAILED
        assert error in build.error
        assert build.line == 3
        assert "never" not in log_of(build)
        assert left_over(docker, environment.pk) == on_engine(docker, environment.pk) == []
        with pytest.raises(ImageNotBuilt):
            choice.require_image(environment)

    def test_ends_past_its_time(
        self, docker: Engine, alice_actor: Actor, environment: Environment, settings: Settings
    ) -> None:
        settings.BUILD_TIMEOUT_S = 1.5
        build = run(request(alice_actor, environment, f"FROM {docker.image}\nRUN echo begun; sleep 60\n"))

        assert (build.status, build.error) == (BuildStatus.FAILED, "The build took longer than 0.025 minutes.")
        assert build.line == 2
        assert left_over(docker, environment.pk) == []

    async def test_is_cancelled_while_it_runs(
        self, docker: Engine, alice_actor: Actor, environment: Environment
    ) -> None:
        build = await sync_to_async(request)(alice_actor, environment, f"FROM {docker.image}\nRUN echo up; sleep 60\n")
        task = await run_until_it_works(build, "up")
        began = time.monotonic()

        await sync_to_async(services.cancel_build)(actor=alice_actor, id=build.pk, now=timezone.now())
        await task

        await build.arefresh_from_db()
        assert build.status == BuildStatus.CANCELLED
        assert time.monotonic() - began < 15
        assert await sync_to_async(left_over)(docker, environment.pk) == []

    async def test_goes_on_elsewhere_when_the_worker_stops(
        self, docker: Engine, alice_actor: Actor, environment: Environment
    ) -> None:
        text = f"FROM {docker.image}\nRUN echo up; sleep 2; echo done\n"
        build = await sync_to_async(request)(alice_actor, environment, text)
        task = await run_until_it_works(build, "up")

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        await build.arefresh_from_db()
        assert build.status == BuildStatus.RUNNING
        assert await sync_to_async(left_over)(docker, environment.pk) == []
        await builds.run(build.pk)
        await build.arefresh_from_db()
        assert (build.status, build.attempt) == (BuildStatus.COMPLETED, 2)

    def test_shares_nothing_with_the_builds_of_others(
        self, docker: Engine, alice_actor: Actor, environment: Environment, organization: Organization
    ) -> None:
        text = f"FROM {docker.image}\nRUN echo worked > /made; echo ran\n"
        again = docker_environment(organization, "second")
        first, second = run(request(alice_actor, environment, text)), run(request(alice_actor, again, text))

        assert "ran" in log_of(first)
        assert "ran" in log_of(second)  # not out of the first one's cache
        assert first.image_id != second.image_id
        Environment.objects.filter(pk=again.pk).update(deleted_at=timezone.now(), purged_at=timezone.now())
        services.forget(again, now=timezone.now())
        mine = Deployment.objects.get().pk
        Deployment.objects.update(id=uuid.uuid4())  # as in a copy of the database
        async_to_sync(upkeep.remove_images)(again.pk, now=timezone.now())
        assert len(on_engine(docker, again.pk)) == 1
        Deployment.objects.update(id=mine)
        async_to_sync(upkeep.remove_images)(again.pk, now=timezone.now())
        assert on_engine(docker, again.pk) == []

    def test_gives_the_build_no_network_and_little_memory(
        self, docker: Engine, alice_actor: Actor, environment: Environment, settings: Settings
    ) -> None:
        settings.BUILD_MEMORY_MB = 64
        text = f"FROM {docker.image}\nRUN cat /proc/net/dev\nRUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes\n"
        log = log_of(run(request(alice_actor, environment, text)))

        assert "lo:" in log
        assert "eth0" not in log
        assert str(64 * 2**20) in log

    def test_does_nothing_for_unknown_and_finished_ones(
        self, docker: Engine, alice_actor: Actor, environment: Environment
    ) -> None:
        build = request(alice_actor, environment, f"FROM {docker.image}\n")
        services.cancel_build(actor=alice_actor, id=build.pk, now=timezone.now())

        assert run(build).status == BuildStatus.CANCELLED
        async_to_sync(builds.run)(environment.pk)


class TestRescue:
    def test_ends_a_build_whose_worker_died(self, docker: Engine, alice_actor: Actor, environment: Environment) -> None:
        build = request(alice_actor, environment, f"FROM {docker.image}\n")
        long_ago = timezone.now() - timedelta(minutes=5)
        ImageBuild.objects.filter(pk=build.pk).update(status="RUNNING", attempt=1, heartbeat_at=long_ago)

        assert async_to_sync(upkeep.rescue)(now=timezone.now()) == 1

        build.refresh_from_db()
        assert (build.status, build.error) == (
            BuildStatus.FAILED,
            "The server stopped during the build; build it again.",
        )


class TestWithoutEngine:
    def test_says_so(self, alice_actor: Actor, environment: Environment, settings: Settings) -> None:
        settings.DOCKER_HOST = "unix:///nowhere/docker.sock"
        build = run(request(alice_actor, environment, "FROM debian\n"))

        assert build.status == BuildStatus.FAILED
        assert "The Docker engine does not answer" in build.error
