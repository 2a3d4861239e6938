"""A session's sandbox: found again or made, with the working tree in it, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.utils import timezone

from environments import services as environments
from environments import specs
from environments.models import Environment, Machine, MachineStatus
from gateway import sockets
from projects.vault import Vault
from sandbox import Phase, Sandbox, attach_sandbox, open_sandbox
from sandbox.errors import SandboxError, SandboxGone
from sandbox.spec import LocalSpec, Mount
from sessions import cli
from sessions.models import AgentSession
from sessions.turns import Turn, use_machine

logger = structlog.get_logger(__name__)

USER_NAME = "Slipway agent"
USER_EMAIL = "agent@slipway.invalid"


@dataclass(frozen=True)
class Place:
    """What the worker needs to reach a session's sandbox; read in one go from the database."""

    session_id: uuid.UUID
    project_id: uuid.UUID
    environment: Environment
    machine: Machine | None

    def spec(self, machine: Machine) -> LocalSpec:
        vault = Vault(self.project_id)
        mounts = (Mount(vault.objects_dir, str(vault.objects_dir)), Mount(Path(program_dir()), program_dir()))
        return specs.spec_for(
            self.environment, machine, session_id=self.session_id, mounts=mounts, gateway_dir=sockets.socket_dir()
        )


def program_dir() -> str:
    """The folder of the agent's program, shown inside at the path it has outside."""
    return str(cli.find_cli().parent)


def place_of(session_id: uuid.UUID) -> Place:
    """Where the session runs.

    Raises: SandboxGone (its environment was deleted).
    """
    session = AgentSession.with_deleted.select_related("environment", "machine__environment").get(pk=session_id)
    machine = session.machine if session.machine and session.machine.status == MachineStatus.RUNNING else None
    environment = machine.environment if machine else session.environment
    if environment is None:
        raise SandboxGone("The environment of this session was deleted; choose another one.")
    return Place(session.id, session.project_id, environment, machine)


async def ensure_sandbox(turn: Turn) -> Sandbox:
    """The session's running sandbox, made anew if there is none.

    Raises: SandboxError (it cannot be made; the message says why).
    """
    place = await in_db(place_of)(turn.session_id)
    if (sandbox := await find_sandbox(place)) is not None:
        return sandbox
    machine = await in_db(environments.create_machine)(place.environment)
    await in_db(use_machine)(turn, machine)
    try:
        sandbox = await open_sandbox(place.spec(machine))
    except SandboxError as error:
        await _ended(machine, MachineStatus.LOST, str(error))
        raise
    await in_db(environments.machine_started)(machine_id=machine.id, handle=sandbox.handle, now=timezone.now())
    return sandbox


async def find_sandbox(place: Place) -> Sandbox | None:
    """The sandbox that the session's machine row names, if it still runs; a lost one is recorded as lost."""
    if place.machine is None:
        return None
    with contextlib.suppress(SandboxGone):
        sandbox = await attach_sandbox(place.spec(place.machine), place.machine.handle)
        if await sandbox.poll() == Phase.RUNNING:
            return sandbox
    await _ended(place.machine, MachineStatus.LOST, "The sandbox was gone when the server looked for it.")
    return None


async def ensure_workspace(turn: Turn, sandbox: Sandbox) -> str:
    """The session's branch in the working tree, whose path is returned: kept if it is there, else made from the newest
    snapshot or from the base commit."""
    work = (await sandbox.guest.paths()).work
    if await _has_repository(sandbox, work):
        return work
    vault = Vault(turn.project_id)
    await sandbox.guest.clone(
        commit=turn.head_commit or turn.base_commit,
        branch=turn.branch,
        alternates=str(vault.objects_dir),
        user_name=USER_NAME,
        user_email=USER_EMAIL,
    )
    if turn.head_commit and turn.is_dirty:
        # A snapshot of a dirty tree is one commit above the agent's own: put its changes back into the working tree.
        await sandbox.guest.run(["git", "reset", "--quiet", "HEAD^"], cwd=work)
    return work


async def _has_repository(sandbox: Sandbox, work: str) -> bool:
    probe = await sandbox.guest.run(["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=work)
    return probe.exit_code == 0


async def snapshot_to_vault(
    sandbox: Sandbox, *, project_id: uuid.UUID, ref: str, message: str, known: list[str]
) -> tuple[str, bool]:
    """Bring the working tree into the vault under `ref`; returns its commit and whether it has uncommitted changes.

    Raises: SandboxError; the vault's errors when what came is not sound.
    """
    snapshot = await sandbox.guest.snapshot(message=message, known=known)
    folder = Path(settings.DATA_DIR) / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".pack") as file:
        await _spool(snapshot.pack, file.write)
        file.flush()
        vault = Vault(project_id)
        await asyncio.to_thread(vault.import_pack, Path(file.name), tip=snapshot.commit, ref=ref)
    return snapshot.commit, snapshot.is_dirty


async def _spool(chunks: AsyncIterator[bytes], write: Callable[[bytes], int]) -> None:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > settings.CLONE_MAX_BYTES:
            raise SandboxError("The working tree's changes are larger than the limit.")
        write(chunk)


async def stop_sandbox(place: Place, *, now: datetime) -> None:
    """End the sandbox and all that runs in it; its folder stays."""
    if place.machine is None:
        return
    sandbox = await find_sandbox(place)
    if sandbox is not None:
        await sandbox.stop()
        await in_db(environments.machine_ended)(
            machine_id=place.machine.id, status=MachineStatus.STOPPED, reason="", now=now
        )


async def _ended(machine: Machine, status: MachineStatus, reason: str) -> None:
    logger.warning("sandbox ended", machine_id=str(machine.id), status=status, reason=reason)
    await in_db(environments.machine_ended)(machine_id=machine.id, status=status, reason=reason, now=timezone.now())
