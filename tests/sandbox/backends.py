"""How each kind of sandbox is made for the conformance suite; a new kind adds one entry to `MAKERS`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

import sandbox
from sandbox import Capabilities, DockerSpec, LocalSpec, Sandbox
from sandbox.docker import labels
from sandbox.docker.engine import engine
from sandbox.errors import SandboxError
from sandbox.host_process import find_marked
from sandbox.spec import ModalSpec, SshSpec
from tests import engine as engines
from tests import sshd
from tests.fakes.modal.shared import local_modal
from tests.fakes.modal.specs import modal_spec

# Without `ls`, whose newer system calls are unknown to older gVisors.
COUNT = "cd /proc; set -- [0-9]*; echo $#"
FIND_GUEST = "cd /proc; for pid in [0-9]*; do grep -qas '^python3.*serve' $pid/cmdline && break; done"


class Maker(ABC):
    """Opens sandboxes of one kind and removes them afterwards."""

    capabilities: Capabilities
    has_folder = True
    """Its files lie on this machine, where the tests can reach behind its back: `needs("folder")`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-sandbox-"))
        self.made: list[Sandbox] = []
        self.spare: Sandbox | None = None

    @abstractmethod
    def spec(self, **fields: Any) -> Any:
        """A spec for a new sandbox."""

    async def open(self, **fields: Any) -> Sandbox:
        """A sandbox with nothing in it: the one that is at hand, if it need not be a new one."""
        if self.spare is not None and not fields:
            spare, self.spare = self.spare, None
            return spare
        return await self.open_spec(self.spec(**fields))

    async def open_spec(self, spec: Any) -> Sandbox:
        made = await sandbox.open_sandbox(spec)
        self.made.append(made)
        return made

    def folder_of(self, spec: Any) -> Path:
        """Where, on this machine, a sandbox has its files."""
        root: Path = spec.root
        return root

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


class DockerMaker(Maker):
    """Containers of runc, on the engine of this run."""

    capabilities = Capabilities(
        can_confine=True, can_mount=True, can_pty=True, can_reattach=True, can_bound_memory=True
    )
    runtime: Literal["runc", "runsc"] = "runc"

    def __init__(self) -> None:
        super().__init__()
        self.engine = engines.required()

    async def living(self, machine_id: str) -> int:
        async with engine(self.engine.url) as client:
            filters = json.dumps({"label": [f"{labels.MACHINE}={machine_id}"]})
            found = await client.containers.list(filters=filters)
            inside = await self._count(found[0].id) if found else 0
        return max(await super().living(machine_id), inside)

    async def _count(self, container: str) -> int:
        try:
            said = await self._beside(container, COUNT)
        except (SandboxError, TimeoutError):
            return 1  # it is just ending
        return int(said) if said.strip().isdigit() else 1

    async def signal_guest(self, made: Sandbox, number: int) -> None:
        said = await self._beside(made.handle["id"], f"{FIND_GUEST} && kill -{number} $pid && echo done")
        assert said == "done\n"

    async def guest_ticks(self, made: Sandbox) -> int:
        return ticks(await self._beside(made.handle["id"], f"{FIND_GUEST} && cat $pid/stat"))

    def spec(self, **fields: Any) -> DockerSpec:
        name = uuid.uuid4().hex
        defaults: dict[str, Any] = {
            **{"mounts": (), "gateway_dir": None, "lifetime_s": 600, "runtime": self.runtime, "deployment": "tests"},
            **{"image": self.engine.image, "engine": self.engine.url},
        }
        return DockerSpec(machine_id=name, root=self.folder / name, **(defaults | fields))

    async def _beside(self, container: str, script: str) -> str:
        """What a shell in the container says, of which the guest knows nothing."""
        said = b""
        # The engine's answer can outlast a gVisor that ended meanwhile.
        async with asyncio.timeout(10), engine(self.engine.url) as client:
            execution = await client.containers.container(container).exec(["sh", "-c", script])
            async with execution.start() as stream:
                while (message := await stream.read_out()) is not None:
                    said += message.data
        return said.decode()


class GvisorMaker(DockerMaker):
    """Containers of gVisor."""

    capabilities = replace(DockerMaker.capabilities, can_control_terminals=False)
    runtime = "runsc"


class SshMaker(Maker):
    """Another account's folder, reached through the real SSH server; here it happens to be our own."""

    capabilities = Capabilities(can_confine=False, can_mount=False, can_pty=True, can_reattach=True)

    def folder_of(self, spec: SshSpec) -> Path:
        return self.folder / spec.folder

    def spec(self, **fields: Any) -> SshSpec:
        name = uuid.uuid4().hex
        defaults: dict[str, Any] = {"gateway_dir": None, "lifetime_s": 600}
        return SshSpec(
            machine_id=name,
            deployment="tests",
            account=sshd.shared().account,
            work_dir=str(self.folder),
            folder=name,
            **(defaults | fields),
        )


class ModalMaker(Maker):
    """The local Modal."""

    capabilities = Capabilities(
        can_confine=True, can_mount=False, can_pty=True, can_reattach=True, can_lend_agent=False
    )
    has_folder = False

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._point_there()

    def _point_there(self) -> None:
        for name, value in local_modal().environment.items():
            self._patch.setenv(name, value)

    def spec(self, **fields: Any) -> ModalSpec:
        return modal_spec(**fields)

    async def signal_guest(self, made: Sandbox, number: int) -> None:
        os.kill(await asyncio.to_thread(self._guest_pid, made), number)

    async def guest_ticks(self, made: Sandbox) -> int:
        stat = Path(f"/proc/{await asyncio.to_thread(self._guest_pid, made)}/stat")
        return ticks(await asyncio.to_thread(stat.read_text))

    def _guest_pid(self, made: Sandbox) -> int:
        """The guest among all processes of this machine: the one that was given the machine's id as its label."""
        (told,) = [each for each in local_modal().sandboxes() if each["id"] == made.handle["id"]]
        label = b"\0--label\0" + told["tags"]["machine"].encode() + b"\0"
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
                if label in line and b"\0serve\0" in line and b"bwrap" not in line:
                    return int(folder.name)
        raise AssertionError("the guest does not run")

    async def close(self) -> None:
        self._point_there()  # another one may have taken it back meanwhile
        await super().close()
        self._patch.undo()


MAKERS: dict[str, type[Maker]] = {
    "docker-runc": DockerMaker,
    "docker-runsc": GvisorMaker,
    "local": LocalMaker,
    "local-unconfined": UnconfinedMaker,
    "ssh": SshMaker,
    "modal": ModalMaker,
}
