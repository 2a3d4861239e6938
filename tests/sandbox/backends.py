"""How each kind of sandbox is made for the conformance suite; a new kind adds one entry to `MAKERS`."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

import sandbox
from sandbox import Capabilities, LocalSpec, Sandbox


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

    async def close(self) -> None:
        for made in self.made:
            await made.destroy()
        shutil.rmtree(self.folder)


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
