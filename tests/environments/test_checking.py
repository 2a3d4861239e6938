"""Tests of environments: run by a worker, cancelled, taken over from a dead one; their sandboxes are always removed."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from channels.db import database_sync_to_async as in_db
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.auth import actor_for
from accounts.errors import Forbidden
from accounts.models import Organization, User
from environments import checking, services
from environments.errors import CheckFinished
from environments.models import CheckStatus, Environment, EnvironmentCheck, Machine
from sandbox.checks import Check, CheckFailed, examination
from sandbox.errors import BackendUnavailable

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def environment(organization: Organization) -> Environment:
    return Environment.objects.get(organization=organization)


@pytest.fixture
def request_it(alice: User, environment: Environment) -> EnvironmentCheck:
    return services.request_check(actor=actor_for(alice), environment_id=environment.pk, now=NOW)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """The checks that are tried, for a test to fill."""
    chosen: list[Check] = []
    monkeypatch.setattr(examination, "CHECKS", chosen)
    return chosen


def folders() -> list[Path]:
    return [path for path in (Path(settings.DATA_DIR) / "sandboxes").glob("*") if not path.name.startswith(".")]


def statuses(check: EnvironmentCheck) -> dict[str, str]:
    check.refresh_from_db()
    return {line["name"]: line["status"] for line in check.lines}


def cancel(user: User, check: EnvironmentCheck) -> EnvironmentCheck:
    return services.cancel_check(actor=actor_for(user), environment_id=check.environment_id, check_id=check.pk, now=NOW)


async def fails(sandbox: object) -> None:
    raise CheckFailed("It is broken.")


@pytest.mark.django_db
class TestRequest:
    def test_gives_the_test_that_is_under_way(self, alice: User, request_it: EnvironmentCheck) -> None:
        again = services.request_check(actor=actor_for(alice), environment_id=request_it.environment_id, now=NOW)

        assert again == request_it

    def test_is_for_members(self, alice: User, bob: User, environment: Environment) -> None:
        services.request_check(actor=actor_for(bob), environment_id=environment.pk, now=NOW)

        with pytest.raises(Forbidden):
            services.delete_environment(actor=actor_for(bob), id=environment.pk, now=NOW)

    def test_keeps_the_last_ten(self, alice: User, environment: Environment) -> None:
        for _ in range(12):
            check = services.request_check(actor=actor_for(alice), environment_id=environment.pk, now=NOW)
            EnvironmentCheck.objects.filter(pk=check.pk).update(status=CheckStatus.PASSED)

        assert environment.checks.count() == 10


@pytest.mark.django_db
class TestRun:
    async def test_tries_everything_quick_and_leaves_nothing(self, request_it: EnvironmentCheck) -> None:
        await checking.run(request_it.pk)

        found = await in_db(statuses)(request_it)
        assert {name: status for name, status in found.items() if status != "PASSED"} == {"gateway": "FAILED"}
        assert request_it.error == ""
        assert not folders()
        assert [machine.status async for machine in Machine.objects.all()] == ["STOPPED"]

    async def test_says_what_failed_and_goes_on(self, request_it: EnvironmentCheck, only: list[Check]) -> None:
        only += [Check("broken", "It is whole.", "Mend it.", fails), Check("after", "It goes on.", "", passes)]

        await checking.run(request_it.pk)

        assert await in_db(statuses)(request_it) == {
            "open": "PASSED",
            "broken": "FAILED",
            "after": "PASSED",
            "remove": "PASSED",
        }
        assert request_it.status == CheckStatus.FAILED
        assert (request_it.lines[1]["problem"], request_it.lines[1]["advice"]) == ("It is broken.", "Mend it.")

    async def test_says_why_no_sandbox_starts(
        self, request_it: EnvironmentCheck, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        settings.ALLOW_UNCONFINED = False
        monkeypatch.setenv("PATH", "/nonexistent")

        await checking.run(request_it.pk)

        found = await in_db(statuses)(request_it)
        assert (found.pop("open"), set(found.values())) == ("FAILED", {"SKIPPED"})
        assert "bubblewrap" in request_it.lines[0]["problem"]

    async def test_is_cancelled_while_it_runs(
        self, alice: User, request_it: EnvironmentCheck, only: list[Check], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checking, "BEAT_S", 0.05)
        has_begun = asyncio.Event()

        async def hangs(sandbox: object) -> None:
            has_begun.set()
            await asyncio.sleep(60)

        only.append(Check("slow", "It ends.", "", hangs))
        running = asyncio.create_task(checking.run(request_it.pk))
        await has_begun.wait()

        await in_db(cancel)(alice, request_it)
        await running

        found = await in_db(statuses)(request_it)
        assert (request_it.status, found["slow"]) == (CheckStatus.CANCELLED, "SKIPPED")
        assert not folders()

    async def test_is_begun_anew_after_the_worker_died(self, request_it: EnvironmentCheck, only: list[Check]) -> None:
        """As a kill -9 leaves it: the row says RUNNING, and the sandbox runs."""
        check = await in_db(checking._claim)(request_it.pk)
        assert check is not None
        machine = await in_db(checking._Lease(check, None).new_machine)()
        first = await checking.open_for(machine)

        await checking.run(request_it.pk)

        await in_db(request_it.refresh_from_db)()
        assert (request_it.status, request_it.attempt) == (CheckStatus.PASSED, 2)
        assert (await first.poll()).value == "GONE"
        assert [one.status async for one in Machine.objects.order_by("pk")] == ["STOPPED", "STOPPED"]


@pytest.mark.django_db
class TestRescue:
    def test_ends_what_nobody_works_on(self, request_it: EnvironmentCheck) -> None:
        EnvironmentCheck.objects.update(status=CheckStatus.RUNNING, heartbeat_at=NOW)

        assert checking.rescue(now=NOW + timedelta(seconds=30)) == 0
        assert checking.rescue(now=NOW + timedelta(minutes=3)) == 1

        request_it.refresh_from_db()
        assert (request_it.status, request_it.error) == (CheckStatus.FAILED, checking.SERVER_STOPPED)


@pytest.mark.django_db
class TestCancel:
    def test_ends_one_that_waits_at_once(self, alice: User, request_it: EnvironmentCheck) -> None:
        for _ in range(2):
            check = services.cancel_check(
                actor=actor_for(alice), environment_id=request_it.environment_id, check_id=request_it.pk, now=NOW
            )
            assert check.status == CheckStatus.CANCELLED

    def test_refuses_one_that_is_over(self, alice: User, request_it: EnvironmentCheck) -> None:
        EnvironmentCheck.objects.update(status=CheckStatus.PASSED)

        with pytest.raises(CheckFinished):
            services.cancel_check(
                actor=actor_for(alice), environment_id=request_it.environment_id, check_id=request_it.pk, now=NOW
            )


@pytest.mark.django_db
class TestCommand:
    def test_reports_line_by_line(self, environment: Environment, only: list[Check]) -> None:
        only += [Check("broken", "It is whole.", "Mend it.", fails)]
        said = StringIO()

        with pytest.raises(SystemExit):
            call_command("check_environment", str(environment.pk), quick=True, stdout=said)

        text = said.getvalue()
        assert "A sandbox starts and answers." in text
        assert "FAILED" in text
        assert "It is broken.\n" in text
        assert "-> Mend it." in text
        assert "2 passed, 1 failed, 0 not tried" in text
        assert environment.checks.get().status == CheckStatus.FAILED

    def test_says_why_nothing_starts_once_and_what_a_kind_does_not_promise(
        self, environment: Environment, only: list[Check], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only += [Check("memory", "Memory is bounded.", "Set a limit.", passes, needs=("bound_memory",))]
        said = StringIO()
        call_command("check_environment", str(environment.pk), stdout=said)
        assert "Memory is bounded. (This machine does not promise it)" in said.getvalue()

        async def refuse(_: object) -> None:
            raise BackendUnavailable("It is away.", hint="Try again.")

        monkeypatch.setattr(checking, "open_sandbox", refuse)
        said = StringIO()
        with pytest.raises(SystemExit):
            call_command("check_environment", str(environment.pk), stdout=said)

        told = [line.strip() for line in said.getvalue().splitlines()]
        assert told[2:4] == ["It is away.", "-> Try again."]
        assert told[4].startswith("0 passed, 1 failed, 2 not tried")

    def test_names_the_environments_there_are(self, environment: Environment) -> None:
        with pytest.raises(CommandError, match=str(environment.pk)):
            call_command("check_environment", str(uuid.uuid4()))


async def passes(sandbox: object) -> None:
    """All is well."""
