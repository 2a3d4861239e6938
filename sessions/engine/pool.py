"""Sandboxes kept warm in an environment, empty, for whichever session of its organisation comes next.

One is a machine without a subject whose home is named as itself. Whoever takes it makes it theirs under its lock: it
goes to one session, or is ended, never both. It has seen no project: its first clone comes as a bundle.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.errors import DomainError
from environments import credentials, specs
from environments import services as environments
from environments.models import Environment, Machine, MachineStatus
from gateway import sockets
from runtime.failpoints import failpoint
from sandbox import Phase, Sandbox, attach_sandbox, find_sandbox, open_sandbox
from sandbox.errors import SandboxError
from sandbox.spec import AnySpec, Mount
from sessions import dispatch
from sessions.engine import cli
from sessions.models import AgentSession
from sessions.services import warming

logger = structlog.get_logger(__name__)

OLD = timedelta(minutes=30)  # an unused one is made anew, with what the environment says by then
FAILURES = (SandboxError, DomainError, OSError)


@dataclass(frozen=True)
class _Pool:
    """One environment's, as the database has it; the newest machine first."""

    environment: Environment
    facts: specs.Facts
    machines: list[Machine]
    size: int
    made_of: str


def take(session: AgentSession, environment: Environment, *, epoch: int) -> Machine | None:
    """A warm sandbox for a session that has no files yet, in the caller's transaction; None when there is none.

    One that was made before the environment was changed is not given away.
    """
    if not size_of(environment) or Machine.objects.filter(subject_id=session.pk).exists():
        return None
    free = _pooled().filter(environment=environment, status=MachineStatus.RUNNING, made_of=_made_of(environment))
    machine = free.select_for_update(skip_locked=True).order_by("pk").first()
    if machine is None:
        return None
    machine.subject_id, machine.epoch = session.pk, epoch
    machine.save(update_fields=["subject_id", "epoch"])
    AgentSession.objects.filter(pk=session.pk).update(home_id=machine.home_id)
    dispatch.defer_pool(environment.pk)  # another one takes its place
    logger.info("sandbox_taken_from_pool", session_id=str(session.pk), machine_id=str(machine.pk))
    return machine


def size_of(environment: Environment) -> int:
    """How many are kept: 0 as a rule, and for suspended organisations; at least one while somebody is about to make a
    session."""
    size = environment.config.get("warm_pool", 0)
    if not isinstance(size, int) or environment.deleted_at is not None or environment.organization.suspended_at:
        return 0
    return max(size, 1) if warming.is_expected(environment.pk) else size


def to_keep() -> list[uuid.UUID]:
    """Environments whose pool is to be looked after."""
    wanted = Q(config__warm_pool__gt=0, deleted_at=None, organization__suspended_at=None)
    wanted |= Q(pk__in=_live().values("environment_id"))
    return list(Environment.with_deleted.filter(wanted).values_list("pk", flat=True))


async def keep(environment_id: uuid.UUID) -> None:
    """Make the pool what it should be; the task holds the pool's lock. Harmless when repeated."""
    found = await in_db(_read)(environment_id)
    if found is None:
        return
    size, living = found.size, 0
    for machine in found.machines:
        is_surplus = living >= size or machine.made_of != found.made_of or _is_old(machine, timezone.now())
        living += await _look(machine, found.facts, is_surplus=is_surplus)
    if not found.made_of:
        return  # nothing can be made there now; whoever needs a sandbox is told why
    try:
        for _ in range(size - living):
            await _make(found)
    except FAILURES as error:
        logger.warning("pool_not_filled", environment_id=str(environment_id), error=str(error))


async def _look(machine: Machine, facts: specs.Facts, *, is_surplus: bool) -> bool:
    """Whether it lives on. One whose maker died is taken over; what is dead, old, outdated or too many is ended."""
    try:
        spec = _spec(machine, facts)
        sandbox = await find_sandbox(spec) if not machine.handle else await attach_sandbox(spec, machine.handle)
        if sandbox is None or await sandbox.poll() in (Phase.STOPPED, Phase.GONE):
            await _end(machine, sandbox, MachineStatus.LOST)
            return False
        if is_surplus:
            await _end(machine, sandbox, MachineStatus.STOPPED)
            return False
        handle = sandbox.handle
        await in_db(environments.machine_started)(machine_id=machine.pk, handle=handle, now=timezone.now())
    except FAILURES as error:
        logger.warning("pooled_sandbox_not_seen", machine_id=str(machine.pk), error=str(error))
    return True


async def _end(machine: Machine, sandbox: Sandbox | None, status: MachineStatus) -> None:
    """Unless somebody has taken it meanwhile."""
    ended = _live().filter(pk=machine.pk).update
    if not await in_db(ended)(status=status, reason="It was not needed.", stopped_at=timezone.now()):
        return
    if sandbox is not None:
        await sandbox.destroy()
    await in_db(environments.home_cleared)(machine=machine, now=timezone.now())


async def _make(pool: _Pool) -> None:
    """One more; the row of one that could not be made goes, since it is tried again every minute."""
    machine = await in_db(_new)(pool)
    try:
        sandbox = await open_sandbox(_spec(machine, pool.facts, to_make=True))
    except FAILURES:
        await Machine.objects.filter(pk=machine.pk, subject_id=None).adelete()
        raise
    failpoint("pool.made_before_stored")
    await in_db(environments.machine_started)(machine_id=machine.pk, handle=sandbox.handle, now=timezone.now())


@transaction.atomic
def _new(pool: _Pool) -> Machine:
    machine = environments.create_machine(pool.environment)
    machine.home_id, machine.made_of = machine.pk, pool.made_of
    machine.save(update_fields=["home_id", "made_of"])
    return machine


def _read(environment_id: uuid.UUID) -> _Pool | None:
    rows = Environment.with_deleted.select_related("organization")
    environment = rows.filter(pk=environment_id).first()
    if environment is None:
        return None
    machines = _live().filter(environment=environment).select_related("environment").order_by("-pk")
    facts = specs.facts_of([environment])[environment.pk]
    return _Pool(environment, facts, list(machines), size_of(environment), _made_of(environment, facts))


def _made_of(environment: Environment, facts: specs.Facts | None = None) -> str:
    """Fingerprint of what a sandbox made there now would be; empty when none can be made."""
    facts = facts or specs.facts_of([environment])[environment.pk]
    try:
        return specs.fingerprint(environment, facts, partial(_mounts, environment))
    except FAILURES:
        return ""


def _mounts(environment: Environment) -> tuple[Mount, ...]:
    program = cli.find_cli().parent
    return (Mount(program, str(program)), *credentials.mounts(environment))


def _spec(machine: Machine, facts: specs.Facts, *, to_make: bool = False) -> AnySpec:
    shown = partial(_mounts, machine.environment) if to_make else tuple
    return specs.spec_for(specs.Wanted.of(machine, facts, mounts=shown, gateway_dir=sockets.socket_dir()))


def _is_old(machine: Machine, now: datetime) -> bool:
    return machine.created_at < now - OLD


def _pooled() -> QuerySet[Machine]:
    """Those that nobody has taken. A test of an environment has a subject."""
    return Machine.objects.filter(subject_id=None, home_id=F("pk"))


def _live() -> QuerySet[Machine]:
    return _pooled().filter(status__in=environments.LIVE)
