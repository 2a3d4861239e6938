"""Volumes whose home is gone, by folders and rows, are removed; all others stay."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from functools import partial
from typing import Any, cast

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django import Settings

from environments import specs
from environments.deployment import deployment_id
from environments.models import Environment, EnvironmentKind, Machine
from sandbox.docker import volumes as engine_volumes
from sessions.models import AgentSession
from sessions.upkeep import folders, volumes
from tests import engine as test_engine
from tests.environments.images.looking import ask
from tests.sessions.resting import play
from tests.sessions.stage import Stage


def made_for(home_id: uuid.UUID, deployment: str) -> None:
    labels = {"slipway.root": str(specs.home_folder(home_id)), "slipway.deployment": deployment}
    config = {"Name": f"slipway-{home_id}-home", "Labels": labels}
    ask(test_engine.ready(), lambda client: cast(Any, client.volumes).create(config))


def names(deployment: str) -> set[str]:
    found = ask(test_engine.ready(), partial(engine_volumes.of_deployment, deployment=deployment))
    return {volume.name for volume in found}


class TestSweep:
    async def test_removes_volumes_of_homes_that_neither_folders_nor_rows_speak_of(
        self, stage: Stage, settings: Settings
    ) -> None:
        settings.DOCKER_HOST = test_engine.required().url
        await Environment.objects.acreate(
            organization_id=stage.session.organization_id, name="box", kind=EnvironmentKind.DOCKER
        )
        await play(stage)
        gone, kept, put_aside, moved, used = (uuid.uuid4() for _ in range(5))
        await AgentSession.objects.aupdate(home_id=moved)
        await Machine.objects.aupdate(home_id=used)
        specs.home_folder(kept).mkdir(parents=True)
        (specs.sandboxes_root() / folders.ASIDE / f"{put_aside}.17").mkdir(parents=True)
        deployment = await in_db(deployment_id)()
        for home_id in (gone, kept, put_aside, moved, used):
            await asyncio.to_thread(made_for, home_id, deployment)
        later = timezone.now() + timedelta(hours=2)
        try:
            assert await volumes.sweep(now=timezone.now()) == 0  # too young
            specs.sandboxes_root().rename(away := specs.sandboxes_root().with_name("away"))
            assert await volumes.sweep(now=later) == 0  # the data folder is not mounted
            away.rename(specs.sandboxes_root())
            assert await volumes.sweep(now=later) == 1

            left = await asyncio.to_thread(names, deployment)
            assert left == {f"slipway-{id}-home" for id in (kept, put_aside, moved, used)}
        finally:
            for name in await asyncio.to_thread(names, deployment):
                await asyncio.to_thread(ask, test_engine.ready(), partial(engine_volumes.remove_one, name=name))

    async def test_does_nothing_without_an_engine(self, stage: Stage, settings: Settings) -> None:
        settings.DOCKER_HOST = "unix:///nowhere/docker.sock"
        await Environment.objects.acreate(
            organization_id=stage.session.organization_id, name="box", kind=EnvironmentKind.DOCKER
        )

        assert await volumes.sweep(now=timezone.now()) == 0
