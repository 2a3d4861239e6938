"""How each kind of sandbox is made for the conformance suite; a new kind adds one entry to `MAKERS`."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox import Capabilities, LocalSpec, Sandbox
from sandbox.host_process import find_marked


class Maker(ABC):
    """Opens sandboxes of one kind and removes them afterwards."""

    capabilities: Capabilities

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-sandbox-"))
        self.made: list[Sandbox] = []

    @abstractmethod
    def spec(self, **fields: Any) -> Any:
        """A spec for a new sandbox."""

    async def open(self, **fields: Any) -> Sandbox:
        return await self.open_spec(self.spec(**fields))

    async def open_spec(self, spec: Any) -> Sandbox:
        made = await sandbox.open_sandbox(spec)
        self.made.append(made)
        return made

    async def living(self, machine_id: str) -> int:
        """How many processes of a sandbox still run, counted from outside."""
        return len(find_marked("SLIPWAY_SANDBOX", machine_id))

    async def signal_guest(self, made: Sandbox, number: int) -> None:
        """Signal the guest, from outside."""
        os.kill(made.handle["pid"], number)

    async def guest_ticks(self, made: Sandbox) -> int:
        """How much processor time the guest has used, in hundredths of a second."""
        stat = Path(f"/proc/{made.handle['pid']}/stat")
        return ticks(await asyncio.to_thread(stat.read_text))

    async def close(self) -> None:
        for made in self.made:
            await made.destroy()
        shutil.rmtree(self.folder)


def ticks(stat: str) -> int:
    """User and system time in the words of `/proc/<pid>/stat`."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class LocalMaker(Maker):
    """bubblewrap."""

    capabilities = Capabilities(can_confine=True, can_mount=True, can_pty=True, can_reattach=True)
    allow_unconfined = False

    def spec(self, **fields: Any) -> LocalSpec:
        name = uuid.uuid4().hex
        defaults: dict[str, Any] = {"mounts": (), "gateway_dir": None, "lifetime_s": 600}
        return LocalSpec(
            machine_id=name,
            root=self.folder / name,
            allow_unconfined=self.allow_unconfined,
            **(defaults | fields),
        )


class UnconfinedMaker(LocalMaker):
    """Plain processes, as on a machine without bubblewrap."""

    capabilities = Capabilities(can_confine=False, can_mount=False, can_pty=True, can_reattach=True)
    allow_unconfined = True

    async def open_spec(self, spec: Any) -> Sandbox:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", str(self.folder))
            return await super().open_spec(spec)


MAKERS: dict[str, type[Maker]] = {"local": LocalMaker, "local-unconfined": UnconfinedMaker}
