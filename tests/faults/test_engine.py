"""A Docker engine that is killed and started again: under containers, under a turn, and in the middle of a build."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from pytest_django import Settings

from accounts.auth import actor_for
from environments.images import builds, upkeep
from environments.images.models import BuildStatus, ImageBuild
from sandbox import Phase
from sandbox.backends.docker import backend
from sandbox.errors import SandboxError
from tests import engine, factories
from tests.engine import IMAGE, Engine, image
from tests.engine.daemon import Daemon
from tests.environments.images.conftest import docker_environment, log_of, request
from tests.environments.images.looking import left_over
from tests.faults.invariants import NEXT_STEP
from tests.faults.stories import AWAY_S, BYPASS, bash, slow
from tests.faults.world import Client, World, worlds
from tests.sandbox.backends import DockerMaker

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

LONG = "trap exit TERM; echo up; sleep 60 & wait"  # the engine that is back waits for its end
RESTORES = pytest.mark.parametrize("restores", [True, False], ids=["live-restore", "without"])


@pytest.fixture(scope="module")
def module_daemon() -> Iterator[Daemon]:
    if reason := engine.why_not():
        pytest.skip(reason)
    made = Daemon(Path(tempfile.mkdtemp(prefix="slipway-engine-own-")))
    try:
        made.start()
        made.import_image(image.archive(), IMAGE)
        yield made
    finally:
        made.remove()


@pytest.fixture
def daemon(module_daemon: Daemon) -> Iterator[Daemon]:
    """An engine that the tests may kill."""
    yield module_daemon
    if not module_daemon.is_running:
        module_daemon.start()


def restart(daemon: Daemon, *, restores: bool) -> None:
    daemon.start(**{"live-restore": restores})


class OwnMaker(DockerMaker):
    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self.engine = Engine(daemon.folder)


@pytest.fixture
def own(daemon: Daemon) -> Iterator[OwnMaker]:
    maker = OwnMaker(daemon)
    yield maker
    async_to_sync(maker.close)()


class TestContainers:
    @RESTORES
    async def test_go_on_or_end_in_a_true_state(self, daemon: Daemon, own: OwnMaker, restores: bool) -> None:
        spec = own.spec()
        made = await own.open_spec(spec)
        await made.guest.start_agent("run", ["sh", "-c", "echo up; cat"])
        await asyncio.to_thread(daemon.kill)

        assert await made.glance() is Phase.UNREACHABLE
        assert (await made.guest.agent_status("run")).is_alive  # the guest needs no engine to be spoken to
        with pytest.raises(SandboxError):
            await backend.running(spec)
        await asyncio.to_thread(restart, daemon, restores=restores)

        if restores:
            assert await made.poll() is Phase.RUNNING
            assert (await made.guest.agent_status("run")).is_alive
            assert list(await backend.running(spec)) == [spec.machine_id]
        else:
            assert await made.poll() is Phase.STOPPED
            assert "engine stopped the sandbox" in await made.cause()
            assert await backend.running(spec) == {}
        again = await own.open_spec(spec)
        assert (await again.guest.agent_status("run")).is_alive is restores
        await again.destroy()
        assert await own.living(spec.machine_id) == 0


@pytest.mark.django_db(transaction=True)
class TestBuild:
    async def test_ends_with_its_reason_and_is_swept_once_the_engine_is_back(
        self, daemon: Daemon, settings: Settings, tmp_path: Path
    ) -> None:
        settings.DATA_DIR, settings.DOCKER_HOST = tmp_path, daemon.url
        build = await sync_to_async(self.request)()
        environment_id = build.environment_id
        work = asyncio.create_task(builds.run(build.pk))
        async with asyncio.timeout(60):
            while "\nup\n" not in await sync_to_async(log_of)(build):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

        await asyncio.to_thread(daemon.kill)
        await work
        await build.arefresh_from_db()

        assert (build.status, build.line) == (BuildStatus.FAILED, 3)
        assert build.error == "The Docker engine stopped in the middle of the build; build it again."
        assert f"[3/3] RUN {LONG}\nup\n" in await sync_to_async(log_of)(build)

        await asyncio.to_thread(daemon.start)
        on = Engine(daemon.folder)
        assert len(await sync_to_async(left_over)(on, environment_id)) == 2  # a container, and what it was made of

        await upkeep.rescue(now=timezone.now() + timedelta(minutes=1))

        assert await sync_to_async(left_over)(on, environment_id) == []
        assert list((daemon.folder / "data" / "tmp").glob("docker-builder*")) == []

    def request(self) -> ImageBuild:
        anna = factories.make_user("anna@example.com", "Anna")
        environment = docker_environment(factories.make_organization("acme", anna))
        return request(actor_for(anna), environment, f"FROM {IMAGE}\nRUN touch /layer\nRUN {LONG}\n")


@pytest.fixture(scope="module")
def module_world(module_daemon: Daemon) -> Iterator[World]:
    with worlds(None, SLIPWAY_DOCKER_HOST=module_daemon.url) as world:
        yield world


@pytest.mark.cli
class TestTurn:
    @RESTORES
    def test_goes_on_or_ends_in_a_true_state_and_leaves_nobody(
        self, daemon: Daemon, alice: Client, restores: bool
    ) -> None:
        body = {"organization_id": alice.organization_id, "name": f"restores {restores}", "kind": "DOCKER"}
        made = alice.person.call("POST", "/api/environments", body | {"config": {"image": IMAGE}})
        session_id = alice.begin(slow(AWAY_S), environment_id=made["id"], **BYPASS)
        alice.until_event(session_id, "tool.call")

        daemon.kill()
        restart(daemon, restores=restores)
        shown = alice.until_done(session_id)

        if restores:
            assert (shown["status"], shown["status_reason"]) == ("COMPLETED", "")
        else:
            assert shown["status"] in ("ERROR", "STOPPED")
            assert NEXT_STEP.search(shown["status_reason"])
        assert bash(alice, session_id, "echo there") == "there"
        assert len(self.running(daemon)) == 1
        alice.surely("POST", f"/sessions/{session_id}/stop")
        alice.world.until(lambda: self.running(daemon) == [], "no container runs")

    def running(self, daemon: Daemon) -> list[object]:
        return list(json.loads(daemon.ask("GET", "/containers/json")[1]))
