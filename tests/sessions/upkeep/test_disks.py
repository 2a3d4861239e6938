"""Sandboxes that take too much of the disk are ended, and their sessions say so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from sandbox.errors import SandboxError
from sessions.models import AgentSession
from sessions.upkeep import deaths, disks
from tests.sessions.resting import play
from tests.sessions.stage import Stage

OUTGROWN = "The sandbox's files outgrew the 256 MB that they may take, and it was stopped."


class TestContain:
    async def test_ends_what_outgrew_its_disk_and_the_session_says_why(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await play(stage)
        sandbox = stage.sandbox
        sandbox.capabilities = replace(sandbox.capabilities, limits=("disk",))

        async def contain() -> bool:
            sandbox.crash()
            return True

        async def cause() -> str:
            return OUTGROWN

        monkeypatch.setattr(sandbox, "contain", contain)
        monkeypatch.setattr(sandbox, "cause", cause)

        ended = await disks.contain(now=timezone.now())
        noticed = await deaths.notice()

        session = await AgentSession.objects.aget()
        assert (ended, noticed) == (1, 1)
        assert (session.status, session.machine_id) == ("STOPPED", None)
        assert session.status_reason == f"{OUTGROWN} The files are kept. Send a message to go on."
        assert await disks.contain(now=timezone.now()) == 0

    async def test_asks_no_kind_that_bounds_no_disk_and_bears_one_that_cannot_tell(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await play(stage)
        sandbox = stage.sandbox

        async def contain() -> bool:
            raise SandboxError("The Docker engine does not answer.")

        monkeypatch.setattr(sandbox, "contain", contain)
        for limits in ((), ("disk",)):
            sandbox.capabilities = replace(sandbox.capabilities, limits=limits)
            assert await disks.contain(now=timezone.now()) == 0
        assert await deaths.notice() == 0
