"""Volumes whose home is gone are removed; those of homes that are there, or were set aside, stay."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import Invalid
from accounts.models import Organization
from environments import configs, specs, volumes
from environments.deployment import deployment_id
from environments.models import Environment, EnvironmentKind
from sandbox import DockerSpec
from sandbox.docker import volumes as engine_volumes
from tests import engine as test_engine
from tests.environments.images.looking import ask


class TestTidy:
    async def test_removes_volumes_of_homes_that_are_gone_alone(
        self, settings: Settings, tmp_path: Path, organization: Organization
    ) -> None:
        settings.DATA_DIR = tmp_path
        settings.DOCKER_HOST = test_engine.required().url
        await Environment.objects.acreate(organization=organization, name="box", kind=EnvironmentKind.DOCKER)
        aside = specs.sandboxes_root() / ".set-aside"
        aside.mkdir(parents=True)
        gone, kept, put_aside = (uuid.uuid4() for _ in range(3))
        specs.home_folder(kept).mkdir()
        (aside / f"{put_aside}.17").mkdir()
        deployment = await in_db(deployment_id)()
        for home_id in (gone, kept, put_aside):
            await asyncio.to_thread(made_for, home_id, deployment)
        try:
            assert await volumes.tidy(now=timezone.now()) == 0  # too young
            assert await volumes.tidy(now=timezone.now() + timedelta(hours=2)) == 1

            left = await asyncio.to_thread(names, deployment)
            assert left == {f"slipway-{id}-home" for id in (kept, put_aside)}
        finally:
            for name in await asyncio.to_thread(names, deployment):
                await asyncio.to_thread(ask, test_engine.ready(), partial(engine_volumes.remove_one, name=name))

    async def test_does_nothing_without_an_engine(self, settings: Settings, organization: Organization) -> None:
        settings.DOCKER_HOST = "unix:///nowhere/docker.sock"
        await Environment.objects.acreate(organization=organization, name="box", kind=EnvironmentKind.DOCKER)

        assert await volumes.tidy(now=timezone.now()) == 0


class TestNames:
    def test_are_nobodys_to_choose(self, tmp_path: Path) -> None:
        """Whoever could name a volume could name another tenant's: a home's are called after the home."""
        for config in ({"storage": "slipway-other-home"}, {"volume": "x"}, {"storage": ["volume", "x"]}):
            with pytest.raises(Invalid):
                configs.parse(EnvironmentKind.DOCKER, config)

        spec = DockerSpec("m", tmp_path / "0190", (), None, 60, "image", storage="volume")
        assert engine_volumes.name_of(spec, "work") == "slipway-0190-work"


def made_for(home_id: uuid.UUID, deployment: str) -> None:
    labels = {"slipway.root": str(specs.home_folder(home_id)), "slipway.deployment": deployment}
    config = {"Name": f"slipway-{home_id}-home", "Labels": labels}
    ask(test_engine.ready(), lambda client: cast(Any, client.volumes).create(config))


def names(deployment: str) -> set[str]:
    found = ask(test_engine.ready(), partial(engine_volumes.of_deployment, deployment=deployment))
    return {volume.name for volume in found}
