"""Deleting environments: named consequences, taken back, gone for good."""

from __future__ import annotations

import stat
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from accounts.auth import actor_for
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Organization, User
from environments import credentials, services
from environments.errors import EnvironmentIdTaken, EnvironmentInUse
from environments.models import Environment, EnvironmentSecret, MachineStatus

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEPT = timedelta(seconds=settings.UNDO_S)


def add(user: User, organization: Organization, key: uuid.UUID | None = None, name: str = "second") -> Environment:
    return services.create_environment(
        actor=actor_for(user), organization_id=organization.id, name=name, kind="HOST", config={}, key=key, now=NOW
    )


def delete(user: User, environment: Environment, *, force: bool = False) -> None:
    services.delete_environment(actor=actor_for(user), id=environment.pk, force=force, now=NOW)


@pytest.fixture
def second(alice: User, organization: Organization) -> Environment:
    return add(alice, organization)


class TestDelete:
    def test_hides_it_and_frees_its_name(self, alice: User, organization: Organization, second: Environment) -> None:
        delete(alice, second)

        assert not Environment.objects.filter(pk=second.pk).exists()
        assert Environment.with_deleted.get(pk=second.pk).deleted_at == NOW
        assert add(alice, organization).name == second.name

    def test_does_not_let_the_same_request_make_it_again(self, alice: User, organization: Organization) -> None:
        key = uuid.uuid4()
        delete(alice, add(alice, organization, key))

        with pytest.raises(EnvironmentIdTaken):
            add(alice, organization, key)

    def test_refuses_the_default(self, alice: User, organization: Organization) -> None:
        with pytest.raises(Invalid, match="default"):
            delete(alice, Environment.objects.get(organization=organization, is_default=True), force=True)

    def test_refuses_while_a_machine_lives_in_it_unless_forced(self, alice: User, second: Environment) -> None:
        services.create_machine(second, subject_id=uuid.uuid4())

        with pytest.raises(EnvironmentInUse):
            delete(alice, second)
        delete(alice, second, force=True)

        assert not Environment.objects.filter(pk=second.pk).exists()

    def test_is_not_refused_for_what_is_only_kept_warm(self, alice: User, second: Environment) -> None:
        services.create_machine(second)

        delete(alice, second)

        assert not Environment.objects.filter(pk=second.pk).exists()

    def test_ends_a_test_that_runs(self, alice: User, second: Environment) -> None:
        check = services.request_check(actor=actor_for(alice), environment_id=second.pk, now=NOW)

        delete(alice, second)

        check.refresh_from_db()
        assert check.cancel_requested_at == NOW

    def test_is_done_once(self, alice: User, second: Environment) -> None:
        delete(alice, second)

        with pytest.raises(NotFound):
            delete(alice, second)


class TestUndelete:
    def test_takes_a_deletion_back_again_and_again(self, alice: User, second: Environment) -> None:
        delete(alice, second)

        for _ in range(2):
            services.undelete_environment(actor=actor_for(alice), id=second.pk, now=NOW)

        assert Environment.objects.get(pk=second.pk).deleted_at is None

    def test_refuses_when_another_has_the_name(
        self, alice: User, organization: Organization, second: Environment
    ) -> None:
        delete(alice, second)
        add(alice, organization)

        with pytest.raises(Conflict, match="name"):
            services.undelete_environment(actor=actor_for(alice), id=second.pk, now=NOW)

    def test_refuses_what_is_gone_for_good(self, alice: User, second: Environment) -> None:
        delete(alice, second)
        late = NOW + KEPT + timedelta(seconds=1)

        for _ in range(2):
            with pytest.raises(Conflict, match="for good"):  # what lies there may be on its way out already
                services.undelete_environment(actor=actor_for(alice), id=second.pk, now=late)
            services.purge_environments(now=late)


class TestPurge:
    later = NOW + KEPT + timedelta(seconds=1)

    def test_removes_folders_and_secrets_some_time_later(self, alice: User, second: Environment) -> None:
        folder = credentials.make(second.pk)
        EnvironmentSecret.objects.create(
            organization_id=second.organization_id, environment=second, name="x", ciphertext=b"x", updated_at=NOW
        )
        delete(alice, second)

        assert services.purge_environments(now=NOW + KEPT / 2) == 0
        assert folder.exists()
        assert services.purge_environments(now=self.later) == 1
        assert services.purge_environments(now=self.later) == 0
        assert not folder.exists()
        assert not second.secrets.exists()

    def test_waits_until_nothing_lives_in_it(self, alice: User, second: Environment) -> None:
        machine = services.create_machine(second)
        delete(alice, second, force=True)

        assert services.purge_environments(now=self.later) == 0
        services.machine_ended(machine_id=machine.pk, status=MachineStatus.STOPPED, reason="", now=NOW)
        assert services.purge_environments(now=self.later) == 1

    def test_waits_a_week_for_files_to_be_removed(self, alice: User, second: Environment) -> None:
        machine = services.create_machine(second)
        services.machine_started(machine_id=machine.pk, handle={"is": "there"}, now=NOW)
        services.machine_ended(machine_id=machine.pk, status=MachineStatus.STOPPED, reason="", now=NOW)
        delete(alice, second)

        assert services.purge_environments(now=NOW + timedelta(days=6)) == 0
        assert services.purge_environments(now=NOW + timedelta(days=8)) == 1
        machine.refresh_from_db()
        assert (machine.given_up_at, machine.cleared_at) == (NOW + timedelta(days=8), None)

    def test_gives_up_what_could_not_be_reached_for_a_week(self, alice: User, second: Environment) -> None:
        machine = services.create_machine(second)
        services.machine_started(machine_id=machine.pk, handle={"is": "there"}, now=NOW)
        delete(alice, second, force=True)

        purged = [services.purge_environments(now=NOW + timedelta(days=days)) for days in (6, 8, 8)]
        machine.refresh_from_db()

        assert (purged, machine.status, machine.given_up_at is not None) == ([0, 1, 0], "LOST", True)

    def test_is_done_when_the_files_are_removed(self, alice: User, second: Environment) -> None:
        machine = services.create_machine(second)
        services.machine_started(machine_id=machine.pk, handle={"is": "there"}, now=NOW)
        services.machine_ended(machine_id=machine.pk, status=MachineStatus.STOPPED, reason="", now=NOW)
        services.home_cleared(machine=machine, now=NOW)
        delete(alice, second)

        assert services.purge_environments(now=self.later) == 1


class TestFolders:
    def test_are_made_with_the_environment_for_the_server_alone(
        self, alice: User, organization: Organization, django_capture_on_commit_callbacks: object
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            made = add(alice, organization)

        root = settings.DATA_DIR / "environments" / str(made.pk)
        assert made.auth_dir == f"environments/{made.pk}"
        for path in (root, root / "claude", root / "config" / "claude"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
