"""A copied database becomes a deployment of its own, and leaves alone what the original has."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Organization
from config import copies
from environments import services, specs
from environments.deployment import deployment_id, mark_of
from environments.models import Deployment, Environment, Machine
from sessions.models import AgentSession, Job, SessionStatus
from tests.sessions.rows import make_job, make_session

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return tmp_path / "data"


def settle() -> bool:
    return services.settle_deployment(now=NOW)


def copied(settings: Settings, tmp_path: Path) -> str:
    """The database is started with another data folder; the id that it had."""
    settle()
    settings.DATA_DIR = tmp_path / "other"
    return deployment_id()


def running(organization: Organization, **fields: object) -> AgentSession:
    environment = Environment.objects.filter(organization=organization).first()
    assert environment is not None
    session = make_session(organization, environment=environment, status=SessionStatus.COMPLETED, **fields)
    machine = services.create_machine(environment, subject_id=session.pk, home_id=session.home_id or session.pk)
    services.machine_started(machine_id=machine.pk, handle={"id": "theirs"}, now=NOW)
    AgentSession.objects.filter(pk=session.pk).update(machine=machine)
    return session


class TestSettle:
    def test_keeps_the_id_where_it_is_at_home(self) -> None:
        first = deployment_id()

        assert [settle() for _ in range(3)] == [False, False, False]
        assert (deployment_id(), mark_of(uuid.UUID(first)).exists()) == (first, True)

    def test_takes_another_id_in_another_data_folder(self, settings: Settings, tmp_path: Path) -> None:
        before = copied(settings, tmp_path)

        assert [settle(), settle()] == [True, False]
        row = Deployment.objects.get()
        assert (row.id.hex != before, row.copy_of, row.copied_at) == (True, uuid.UUID(before), NOW)

    def test_knows_its_own_folder_again_after_another_database_was_started_on_it(self, folder: Path) -> None:
        settle()
        mine = deployment_id()
        Deployment.objects.all().delete()
        settle()
        Deployment.objects.update(id=uuid.UUID(mine))

        assert (settle(), deployment_id()) == (False, mine)

    def test_is_not_done_half(self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = copied(settings, tmp_path)

        def die(self: Path, mode: int = 0) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Path, "touch", die)
            with pytest.raises(KeyboardInterrupt):
                settle()

        assert deployment_id() == before
        assert settle()


class TestACopy:
    def test_adopts_no_sandbox_and_no_files(
        self, organization: Organization, settings: Settings, tmp_path: Path
    ) -> None:
        session, rested = running(organization), make_session(organization)
        make_job(session, status="PROCESSING")
        copied(settings, tmp_path)

        settle()
        session.refresh_from_db()
        rested.refresh_from_db()
        machine = Machine.objects.get()

        assert (machine.status, machine.cleared_at, machine.reason) == ("LOST", NOW, machine.reason)
        assert "copied from" in machine.reason
        assert (session.status, session.machine_id) == ("STOPPED", None)
        assert session.status_reason.startswith("This server's database was copied from another one")
        assert Job.objects.get().status == "CANCELLED"
        homes = {session.home_id, rested.home_id, session.pk, rested.pk}
        assert (len(homes), None in homes) == (4, False), "neither begins with files that the other one has"

    def test_keeps_the_files_that_came_along(
        self, organization: Organization, settings: Settings, tmp_path: Path
    ) -> None:
        session = running(organization)
        copied(settings, tmp_path)
        specs.home_folder(session.pk).mkdir(parents=True)

        settle()
        session.refresh_from_db()

        assert (session.home_id, Machine.objects.get().cleared_at) == (None, None)

    def test_is_told_by_the_doctor(self, settings: Settings, tmp_path: Path) -> None:
        fresh = copies.finding()
        before = copied(settings, tmp_path)
        found = copies.finding()
        settle()

        assert (fresh.detail, found.level, found.mend != "") == ("not started yet", "warning", True)
        assert (copies.finding().level, before in copies.finding().detail) == ("ok", True)
        mark_of(Deployment.objects.get().id).unlink()
        Path(copies.finding().mend.rpartition("touch ")[2]).touch()
        assert settle() is False
