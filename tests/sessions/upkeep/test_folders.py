"""Folders of sandboxes that nobody speaks of, or whose session is deleted."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta

from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from pytest_django.fixtures import Settings

from environments import specs
from environments.models import Machine
from sessions.engine import lifecycle
from sessions.models import AgentSession
from sessions.upkeep import folders
from tests.sessions.resting import play, tasks
from tests.sessions.stage import Stage


class TestSettle:
    async def test_removes_the_folder_of_a_deleted_session(self, stage: Stage) -> None:
        await play(stage)
        folder = specs.home_folder(stage.session.pk)
        folder.mkdir(parents=True, exist_ok=True)
        await AgentSession.with_deleted.aupdate(deleted_at=timezone.now())

        assert await folders.settle(now=timezone.now()) == 1
        assert await in_db(tasks)() == ["sessions.cleanup_session"]
        await lifecycle.cleanup_session(stage.session.pk)

        assert not folder.exists()

    async def test_leaves_the_folder_of_one_that_may_still_be_taken_back(
        self, stage: Stage, settings: Settings
    ) -> None:
        settings.UNDO_S = 600
        specs.home_folder(stage.session.pk).mkdir(parents=True, exist_ok=True)
        await AgentSession.with_deleted.aupdate(deleted_at=timezone.now())

        assert await folders.settle(now=timezone.now()) == 0
        assert await folders.settle(now=timezone.now() + timedelta(seconds=600)) == 1

    async def test_puts_aside_what_the_database_has_never_heard_of(self, stage: Stage) -> None:
        folder = specs.home_folder(uuid.uuid4())
        (folder / "work").mkdir(parents=True)
        (folder / "work" / "file").write_text("precious")

        young = await folders.settle(now=timezone.now() + timedelta(hours=2))  # our clock may be wrong
        os.utime(folder, (0, 0))
        old = await folders.settle(now=timezone.now())

        (aside,) = (specs.sandboxes_root() / folders.ASIDE).iterdir()
        assert (young, old, folder.exists()) == (0, 1, False)
        assert (aside / "work" / "file").read_text() == "precious"
        assert folders.sweep(now=timezone.now() + timedelta(days=1)) == 0
        assert folders.sweep(now=timezone.now() + timedelta(days=8)) == 1
        assert not aside.exists()

    async def test_leaves_homes_that_sessions_and_machines_speak_of(self, stage: Stage) -> None:
        await play(stage)
        moved, old = uuid.uuid4(), uuid.uuid4()
        await AgentSession.objects.aupdate(home_id=moved)
        await Machine.objects.aupdate(home_id=old)
        for home_id in (moved, old):
            specs.home_folder(home_id).mkdir(parents=True)
            os.utime(specs.home_folder(home_id), (0, 0))

        assert await folders.settle(now=timezone.now()) == 0
