"""A session's sandbox: found again or made, with the working tree in it, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import posixpath
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import structlog
from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from environments import credentials, specs
from environments import services as environments
from environments.models import Environment, Machine, MachineStatus
from gateway import sockets
from projects.errors import ImportHalted
from projects.vault import Vault
from runtime import metrics, tracing
from runtime.failpoints import failpoint
from sandbox import Phase, Sandbox, attach_sandbox, open_sandbox
from sandbox.errors import GuestSilent, SandboxError, SandboxGone, SandboxRefused, WorkTreeNotEmpty
from sandbox.spec import AnySpec, Mount
from sessions.engine import causes, cli, identity
from sessions.engine.claims import Lease
from sessions.engine.fallback import leave_deleted_environment
from sessions.engine.turns import new_machine
from sessions.engine.whereabouts import environment_of
from sessions.models import AgentSession
from sessions.storable import clean

logger = structlog.get_logger(__name__)

HALT_S = 4.0  # an import has to end when the worker stops
CHUNK = 2**20
POLLS = 4  # of a sandbox that does not answer; each takes some seconds


@dataclass(frozen=True)
class Place:
    """What the worker needs to reach a session's sandbox; read in one go from the database."""

    session_id: uuid.UUID
    project_id: uuid.UUID
    environment: Environment | None
    machine: Machine | None
    facts: specs.Facts | None

    def require_environment(self) -> Environment:
        """Raises: SandboxGone (it was deleted)."""
        if self.environment is None:
            raise SandboxGone(
                "The environment of this session was deleted. Start another session in one that is there."
            )
        return self.environment

    def spec(self, machine: Machine, *, to_make: bool = False) -> AnySpec:
        """What the machine is made of; to find it again no mounts are needed.

        Raises: SandboxGone; CliMissing (the agent's program, which is to be shown inside, is not installed).
        """
        self.require_environment()
        assert self.facts is not None  # they come with the environment
        mounts = self._mounts if to_make else tuple
        return specs.spec_for(specs.Wanted.of(machine, self.facts, mounts=mounts, gateway_dir=sockets.socket_dir()))

    def _mounts(self) -> tuple[Mount, ...]:
        folders = (Vault(self.project_id).objects_dir, cli.find_cli().parent)
        shown = tuple(Mount(folder, str(folder)) for folder in folders)
        return (*shown, *credentials.mounts(self.require_environment()))


def place_of(session_id: uuid.UUID) -> Place:
    """Where the session runs, or is to run."""
    return _place_and_machine(session_id)[0]


def _place_and_machine(session_id: uuid.UUID) -> tuple[Place, Machine | None]:
    """The same, and the machine that the session had last, living or not."""
    rows = AgentSession.with_deleted.select_related("environment", "machine__environment")
    session = rows.get(pk=session_id)
    (place,) = places_at([session])
    return place, session.machine


def places_at(sessions: Iterable[AgentSession]) -> list[Place]:
    """The same of rows that were read together with their environments and machines."""
    found = [(session, *_where(session)) for session in sessions]
    facts = specs.facts_of(environment for _, environment, _ in found if environment)
    return [
        Place(session.id, session.project_id, environment, machine, facts[environment.pk] if environment else None)
        for session, environment, machine in found
    ]


def _where(session: AgentSession) -> tuple[Environment | None, Machine | None]:
    machine = session.machine if session.machine and session.machine.status in environments.LIVE else None
    return environment_of(session), machine


async def ensure_sandbox(turn: Lease) -> Sandbox:
    """The session's running sandbox, made anew if there is none.

    A machine that is still being created is one whose worker died over it: its sandbox may be there already.
    Raises: SandboxError (it cannot be made, or does not answer; the message says why).
    """
    await in_db(leave_deleted_environment)(turn.session_id)
    place = await in_db(place_of)(turn.session_id)
    if (sandbox := await find_sandbox(place)) is not None:
        return sandbox
    machine = place.machine
    if machine is None or machine.status != MachineStatus.CREATING:
        machine = await in_db(new_machine)(turn, place.require_environment())
    if machine.status == MachineStatus.RUNNING:
        if (sandbox := await find_sandbox(await in_db(place_of)(turn.session_id))) is not None:
            return sandbox
        machine = await in_db(new_machine)(turn, place.require_environment())  # it had ended while it waited
    try:
        with metrics.sandbox_operation(machine.environment.kind, "create"), tracing.span("sandbox.create"):
            sandbox = await open_sandbox(place.spec(machine, to_make=True))
    except SandboxError as error:
        await _ended(machine, MachineStatus.LOST, error.message)
        raise
    except OSError as error:
        reason = _why_not_made(error)
        await _ended(machine, MachineStatus.LOST, reason)
        raise SandboxError(reason) from error
    failpoint("machine.created_before_stored")
    await in_db(environments.machine_started)(machine_id=machine.id, handle=sandbox.handle, now=timezone.now())
    return sandbox


def _why_not_made(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The sandbox's disk is full: free space there and try again."
    return f"The sandbox could not be made: {error.strerror or error}."


async def cause_of_loss(session_id: uuid.UUID) -> str | None:
    """Why the session's sandbox is not there any more, as a sentence with the next step; None when it is there, or
    cannot be asked."""
    place, machine = await in_db(_place_and_machine)(session_id)
    if place.machine is None:
        return None if machine is None else f"{machine.reason or 'The sandbox was stopped.'} {causes.KEPT}"
    with contextlib.suppress(SandboxError):
        sandbox = await attached(place)
        if sandbox is not None and await sandbox.glance() in (Phase.STOPPED, Phase.GONE):
            return f"{await lost(sandbox, place)} {causes.KEPT}"
    return None


async def find_sandbox(place: Place) -> Sandbox | None:
    """The sandbox that the session's machine row names, if it still runs; a lost one is recorded as lost.

    Raises: GuestSilent (it lives, but does not answer).
    """
    if place.machine is None or (sandbox := await attached(place)) is None:
        return None
    for _ in range(POLLS):
        phase = await sandbox.poll()
        if phase == Phase.RUNNING:
            return sandbox
        if phase != Phase.UNREACHABLE:
            await lost(sandbox, place)
            return None
    raise GuestSilent("The sandbox does not answer. Try again, or stop the session to start another one.")


async def attached(place: Place) -> Sandbox | None:
    """What the machine's handle names, in whatever phase; None when there was never a handle, or it is not believed.

    Raises: SandboxRefused (its environment does not say any more how to reach it).
    """
    machine = place.machine
    if machine is None or not machine.handle:
        return None
    spec = place.spec(machine)
    try:
        with metrics.sandbox_operation(machine.environment.kind, "attach"):
            return await attach_sandbox(spec, machine.handle)
    except SandboxRefused as error:
        await _ended(machine, MachineStatus.LOST, error.message)
        return None


async def ensure_workspace(turn: Lease, sandbox: Sandbox) -> str:
    """The session's branch in the working tree, whose path is returned: kept if it is there, else made from the newest
    snapshot or from the base commit."""
    work = (await sandbox.guest.paths()).work
    head = await _head(sandbox, work) or await _clone(turn, sandbox)
    if turn.is_dirty and head == turn.head_commit:
        # A snapshot of a dirty tree is one commit above the agent's own: put its changes back into the working tree.
        await sandbox.guest.run(["git", "reset", "--quiet", "HEAD^"], cwd=work)
    return work


async def _clone(turn: Lease, sandbox: Sandbox) -> str | None:
    """Fill an empty working tree; the commit that it has now, or None when it holds something that is the agent's."""
    commit = turn.head_commit or turn.base_commit
    try:
        await _fill(turn, sandbox, commit)
    except WorkTreeNotEmpty:
        # The agent may be on a branch without commits, or have removed the repository: that is its business.
        logger.warning("work tree without a commit", session_id=str(turn.session_id))
        return None
    return commit


async def _fill(turn: Lease, sandbox: Sandbox, commit: str) -> None:
    """Borrow the vault's objects where they can be shown inside, else send a bundle of what the commit needs."""
    vault = Vault(turn.project_id)
    name, email = await in_db(identity.identity_of)(turn.session_id)
    clone = partial(sandbox.guest.clone, commit=commit, branch=turn.branch, user_name=name, user_email=email)
    if sandbox.capabilities.can_mount and not await in_db(_has_waited)(turn.session_id):
        await clone(alternates=str(vault.objects_dir))
        return
    with _incoming(".bundle") as file:
        await asyncio.to_thread(vault.bundle, commit, Path(file.name))
        await clone(bundle=_chunks(file))


def _has_waited(session_id: uuid.UUID) -> bool:
    """Whether the sandbox was made before it was known for which project."""
    return AgentSession.objects.filter(pk=session_id, machine__home_id=F("machine_id")).exists()


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk


def _incoming(suffix: str) -> IO[bytes]:
    """A file of the server's own for what passes between a sandbox and the vault; it goes with its handle."""
    folder = Path(settings.DATA_DIR) / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return tempfile.NamedTemporaryFile(dir=folder, suffix=suffix)


async def _head(sandbox: Sandbox, work: str) -> str | None:
    """The working tree's commit; a repository further up is not taken for its own."""
    ceiling = {"GIT_CEILING_DIRECTORIES": posixpath.dirname(work)}
    probe = await sandbox.guest.run(["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=work, env=ceiling)
    return probe.stdout.decode("ascii", "replace").strip() if probe.exit_code == 0 else None


async def snapshot_to_vault(
    sandbox: Sandbox, *, project_id: uuid.UUID, ref: str, message: str, known: list[str]
) -> tuple[str, bool]:
    """Bring the working tree into the vault under `ref`; returns its commit and whether it has uncommitted changes.

    Raises: SandboxError; the vault's errors when what came is not sound.
    """
    snapshot = await sandbox.guest.snapshot(message=message, known=known)
    with _incoming(".pack") as file:
        await _spool(snapshot.pack, file.write)
        file.flush()
        failpoint("vault.before_import")
        await _import(Vault(project_id), Path(file.name), tip=snapshot.commit, ref=ref)
    failpoint("vault.imported")
    return snapshot.commit, snapshot.is_dirty


async def _import(vault: Vault, pack: Path, *, tip: str, ref: str) -> None:
    """Let git check the pack and take it in; when the worker stops, git is stopped too, and nothing has changed."""
    is_halted = threading.Event()

    def watch() -> None:
        if is_halted.is_set():
            raise ImportHalted

    work = asyncio.ensure_future(asyncio.to_thread(vault.import_pack, pack, tip=tip, ref=ref, watch=watch))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        is_halted.set()
        await asyncio.wait([work], timeout=HALT_S)
        if work.done() and not work.cancelled():
            work.exception()  # that it was halted is no news
        raise


async def _spool(chunks: AsyncIterator[bytes], write: Callable[[bytes], int]) -> None:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > settings.CLONE_MAX_BYTES:
            raise SandboxError("The working tree's changes are larger than the limit.")
        write(chunk)


async def stop_sandbox(sandbox: Sandbox, machine: Machine) -> None:
    """End the sandbox and all that runs in it, whether it answers or not; its folder stays."""
    await sandbox.stop()
    await in_db(environments.machine_ended)(
        machine_id=machine.id, status=MachineStatus.STOPPED, reason="", now=timezone.now()
    )


async def lost(sandbox: Sandbox, place: Place) -> str:
    """Record that a sandbox has ended by itself; why."""
    cause = await sandbox.cause()
    if place.machine is not None:
        await _ended(place.machine, MachineStatus.LOST, cause)
    return cause


async def give_up(machine: Machine, error: str) -> None:
    """Leave a sandbox that cannot be ended to whoever looks for orphans: no living machine speaks of it any more."""
    await _ended(machine, MachineStatus.STOPPED, causes.out_of_reach(error))


async def _ended(machine: Machine, status: MachineStatus, reason: str) -> None:
    logger.warning("sandbox ended", machine_id=str(machine.id), status=status, reason=reason)
    await in_db(environments.machine_ended)(
        machine_id=machine.id, status=status, reason=str(clean(reason)), now=timezone.now()
    )
