"""A test of an environment at work: claimed by a worker, written down line by line, ended in a true state."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.db.models import F
from django.utils import timezone

from accounts.errors import DomainError
from environments import credentials, health, specs
from environments.models import (
    CHECK_IS_LIVE,
    CheckStatus,
    EnvironmentCheck,
    Machine,
    MachineStatus,
)
from environments.services import machines
from gateway import sockets
from sandbox import AnySpec, Sandbox, attach_sandbox, find_sandbox, open_sandbox
from sandbox.checks import Line, LineStatus, Report, examine
from sandbox.errors import SandboxError

logger = structlog.get_logger(__name__)

BEAT_S = 1.0
SILENT_AFTER = timedelta(minutes=2)
SERVER_STOPPED = "The server stopped during the test; start it again."
OUR_FAULT = "The test failed by a fault of the server."


async def run(check_id: uuid.UUID, follow: Report | None = None) -> None:
    """Do a whole test; a second run after a crash removes what the first one left, and begins anew.

    `follow` is told the lines as they change, besides the row.
    """
    check = await in_db(_claim)(check_id)
    if check is None:
        return
    lease = _Lease(check, follow)
    work = asyncio.ensure_future(_work(lease))
    beat = asyncio.create_task(lease.beat(work))
    try:
        await work
    except asyncio.CancelledError:
        if not lease.is_cancelled:  # the worker stops: the job goes back to the queue
            raise
        await lease.end(CheckStatus.CANCELLED)
    except (DomainError, SandboxError) as error:
        await lease.end(CheckStatus.FAILED, error.message)
    except Exception:
        logger.exception("check_failed", check_id=str(check_id))
        await lease.end(CheckStatus.FAILED, OUR_FAULT)
    finally:
        work.cancel()
        beat.cancel()
        await asyncio.gather(work, beat, return_exceptions=True)


async def _work(lease: _Lease) -> None:
    if lease.check.machine is not None:
        await end_sandbox(lease.check.machine)
    machine = await in_db(lease.new_machine)()
    try:
        lines = await examine(lambda: open_for(machine), lease.write, is_quick=lease.check.is_quick)
    finally:
        await asyncio.shield(end_sandbox(machine))
    has_failed = any(line.status == LineStatus.FAILED for line in lines)
    await lease.end(CheckStatus.FAILED if has_failed else CheckStatus.PASSED)


async def open_for(machine: Machine) -> Sandbox:
    """A sandbox for a test, noted in the machine's row before anything is done with it."""
    sandbox = await open_sandbox(await in_db(_spec)(machine.pk))
    await in_db(machines.machine_started)(machine_id=machine.pk, handle=sandbox.handle, now=timezone.now())
    return sandbox


async def end_sandbox(machine: Machine) -> None:
    """Remove whatever there is of a test's sandbox, and say so in the machine's row; harmless when repeated."""
    await in_db(machine.refresh_from_db)()
    if machine.status not in machines.LIVE:
        return
    spec, status, reason = await in_db(_spec)(machine.pk), MachineStatus.STOPPED, ""
    try:
        found = await (attach_sandbox(spec, machine.handle) if machine.handle else find_sandbox(spec))
        if found is not None:
            await found.destroy()
    except (SandboxError, OSError) as error:
        status, reason = MachineStatus.LOST, str(error)
        logger.warning("check_sandbox_left", machine_id=str(machine.pk), error=reason)
    await in_db(machines.machine_ended)(machine_id=machine.pk, status=status, reason=reason, now=timezone.now())
    if status == MachineStatus.STOPPED:
        await in_db(machines.home_cleared)(machine=machine, now=timezone.now())


def _spec(machine_id: uuid.UUID) -> AnySpec:
    """Of the environment as it is now, deleted or not."""
    machine = Machine.objects.select_related("environment").get(pk=machine_id)
    facts = specs.facts_of([machine.environment])[machine.environment_id]
    mounts = partial(credentials.mounts, machine.environment)
    return specs.spec_for(specs.Wanted.of(machine, facts, mounts=mounts, gateway_dir=sockets.socket_dir()))


def rescue(*, now: datetime) -> int:
    """End tests whose worker has fallen silent and which no other one took over; how many."""
    silent = EnvironmentCheck.objects.filter(status=CheckStatus.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    count = 0
    for row in silent:
        cancelled = row.cancel_requested_at is not None
        count += _end(
            row,
            CheckStatus.CANCELLED if cancelled else CheckStatus.FAILED,
            "" if cancelled else SERVER_STOPPED,
        )
    return count


def _claim(check_id: uuid.UUID) -> EnvironmentCheck | None:
    """Take the test over from whoever had it; None when there is nothing to do."""
    now = timezone.now()
    rows = EnvironmentCheck.objects.filter(CHECK_IS_LIVE, pk=check_id)
    rows.update(status=CheckStatus.RUNNING, attempt=F("attempt") + 1, heartbeat_at=now, started_at=now, lines=[])
    row = rows.select_related("environment", "machine").first()
    if row is None:
        return None
    if row.cancel_requested_at is not None or row.environment.deleted_at is not None:
        _end(row, CheckStatus.CANCELLED, "")
        return None
    return row


def _ours(check: EnvironmentCheck) -> Any:
    return EnvironmentCheck.objects.filter(pk=check.pk, attempt=check.attempt, status=CheckStatus.RUNNING)


def _end(check: EnvironmentCheck, status: CheckStatus, error: str) -> bool:
    """Lines that were not tried any more are shown as such. Nothing happens when the test is not ours any more."""
    row = _ours(check).select_related("environment").first()
    if row is None:
        return False
    lines = [
        line | {"status": LineStatus.SKIPPED} if line["status"] in (LineStatus.WAITING, LineStatus.RUNNING) else line
        for line in row.lines
    ]
    values = {"status": status, "error": error[:2000], "lines": lines, "finished_at": timezone.now()}
    health.forget(row.environment)
    return bool(_ours(check).update(**values))


class _Lease:
    """One worker's hold on a test."""

    def __init__(self, check: EnvironmentCheck, follow: Report | None) -> None:
        self.check, self._follow = check, follow
        self.is_cancelled = False

    async def beat(self, work: asyncio.Future[None]) -> None:
        """Say that we live, and hear of a cancellation, or that somebody else has taken over."""
        while not work.done():
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(Exception):  # an outage of the database is no reason to give up
                if not await in_db(self._alive)():
                    self.is_cancelled = True
                    work.cancel()
                    return

    def _alive(self) -> bool:
        return bool(_ours(self.check).filter(cancel_requested_at=None).update(heartbeat_at=timezone.now()))

    def new_machine(self) -> Machine:
        machine = machines.create_machine(self.check.environment, subject_id=self.check.pk, home_id=self.check.pk)
        _ours(self.check).update(machine=machine)
        return machine

    async def write(self, lines: Sequence[Line]) -> None:
        told = [line.as_json() for line in lines]
        await in_db(lambda: _ours(self.check).update(lines=told))()
        if self._follow is not None:
            await self._follow(lines)

    async def end(self, status: CheckStatus, error: str = "") -> None:
        await in_db(_end)(self.check, status, error)
