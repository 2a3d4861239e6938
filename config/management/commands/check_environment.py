"""`manage.py check_environment <id>`: whether sessions can run there, line by line."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from environments import checking
from environments.models import CheckStatus, Environment, EnvironmentCheck
from sandbox.checks import Line, LineStatus

SIGNS = {LineStatus.PASSED: "passed", LineStatus.FAILED: "FAILED", LineStatus.SKIPPED: "not tried"}


class Command(BaseCommand):
    help = (
        "Try an environment out: a sandbox is made there, checked line by line, and removed. Exit code 1: not all well."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("environment_id", type=uuid.UUID, help="as in the address of its page and in the API")
        parser.add_argument("--quick", action="store_true", help="only what the page's Test button tries")

    def handle(self, *args: Any, **options: Any) -> None:
        environment = Environment.objects.filter(pk=options["environment_id"]).first()
        if environment is None:
            raise CommandError(self._unknown(options["environment_id"]))
        self.stdout.write(f"{environment.name} ({environment.get_kind_display()})")
        check = self._begun(environment, is_quick=options["quick"])
        async_to_sync(checking.run)(check.pk, _Printer(self.stdout.write, environment.get_kind_display()).take)
        check.refresh_from_db()
        self._sum_up(check)

    def _unknown(self, id: uuid.UUID) -> str:
        known = [
            f"  {one.pk}  {one.name} ({one.organization})" for one in Environment.objects.select_related("organization")
        ]
        return "\n".join([f"There is no environment {id}. There are:", *known[:50]])

    def _begun(self, environment: Environment, *, is_quick: bool) -> EnvironmentCheck:
        """It is the environment's last test from now on, like one from the page."""
        try:
            with transaction.atomic():
                return EnvironmentCheck.objects.create(
                    organization_id=environment.organization_id, environment=environment, is_quick=is_quick
                )
        except IntegrityError as error:
            raise CommandError("A test of this environment is under way; wait for its end, or cancel it.") from error

    def _sum_up(self, check: EnvironmentCheck) -> None:
        states = [line["status"] for line in check.lines]
        counts = [f"{states.count(status)} {sign.lower()}" for status, sign in SIGNS.items()]
        took_s = (check.finished_at - check.created_at).total_seconds() if check.finished_at else 0.0
        self.stdout.write(f"{', '.join(counts)}, in {took_s:.1f} s")
        if check.error:
            self.stdout.write(check.error)
        if check.status != CheckStatus.PASSED:
            raise SystemExit(1)


class _Printer:
    """Writes each line once, when it is decided; where no sandbox starts there is nothing to say of the others."""

    def __init__(self, write: Any, kind: str) -> None:
        self._write, self._kind, self._written = write, kind, set[str]()

    async def take(self, lines: Sequence[Line]) -> None:
        has_started = lines[0].status == LineStatus.PASSED
        for line in lines:
            is_told = line.status in SIGNS and (has_started or line.status != LineStatus.SKIPPED)
            if is_told and line.name not in self._written:
                self._written.add(line.name)
                self._tell(line)

    def _tell(self, line: Line) -> None:
        took = "" if line.duration_ms is None else f"{line.duration_ms / 1000:.1f} s"
        why = f" ({self._kind} does not promise it)" if line.status == LineStatus.SKIPPED else ""
        self._write(f"  {SIGNS[line.status]:<9} {took:>8}  {line.title}{why}")
        if line.problem:
            self._write(f"  {'':<9} {'':>8}  {line.problem}")
            self._write(f"  {'':<9} {'':>8}  -> {line.advice}")
