"""Imports from a URL: the whole life, its bad days, and a worker that dies."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Organization, User
from accounts.tenancy import Actor
from projects import imports, remotes, services
from projects.errors import ImportFinished, ImportHalted
from projects.models import ImportStatus, Project, ProjectImport, ProjectStatus
from projects.repository import Repository, create_bare, scratch_root
from projects.vault import Vault
from tests.projects.building import Worktree
from tests.projects.serving import GitServer


@pytest.fixture
def project(alice_actor: Actor, organization: Organization, server: GitServer) -> Project:
    return services.create_project(
        actor=alice_actor,
        organization_id=organization.id,
        name="cloned",
        source="URL",
        url=server.url("repo.git"),
        token="ghp_canary",
        now=timezone.now(),
    )


def _import_of(project: Project) -> ProjectImport:
    return ProjectImport.objects.get(project=project)


def _status(project: Project) -> str:
    project.refresh_from_db()
    return project.status


class TestRun:
    def test_fills_the_vault_and_forgets_the_token(self, project: Project, worktree: Worktree) -> None:
        assert b"ghp_canary" not in bytes(_import_of(project).secret or b"")

        imports.run(_import_of(project).pk)

        row = _import_of(project)
        assert _status(project) == ProjectStatus.READY
        assert (row.status, row.percent, row.secret, row.error) == (ImportStatus.COMPLETED, 100, None, "")
        assert "objects" in row.log
        assert Vault(project.pk).resolve_branch("main") == worktree.head()
        Repository(Vault(project.pk).path).check(is_strict=True)
        assert not list(scratch_root().iterdir())
        everything = b"".join(path.read_bytes() for path in Vault(project.pk).path.rglob("*") if path.is_file())
        assert b"ghp_canary" not in everything

    def test_takes_the_default_branch_of_the_source(
        self, project: Project, server: GitServer, worktree: Worktree
    ) -> None:
        source = Repository(server.root / "repo.git")
        source.update_refs({"refs/heads/develop": worktree.head()})
        source.set_head("develop")

        imports.run(_import_of(project).pk)

        project.refresh_from_db()
        assert project.default_branch == "develop"
        assert Vault(project.pk).default_branch() == "develop"

    def test_does_nothing_a_second_time(self, project: Project) -> None:
        imports.run(_import_of(project).pk)
        finished_at = _import_of(project).finished_at

        imports.run(_import_of(project).pk)

        assert _import_of(project).finished_at == finished_at

    def test_starts_clean_after_a_crash(self, project: Project) -> None:
        row = _import_of(project)
        ProjectImport.objects.filter(pk=row.pk).update(status=ImportStatus.RUNNING, attempt=1)
        create_bare(scratch_root() / f"{row.pk}-1.git")
        create_bare(Vault(project.pk).path)  # the crash came between the rename and the commit

        imports.run(row.pk)

        assert _status(project) == ProjectStatus.READY
        assert Vault(project.pk).branches()
        assert not list(scratch_root().iterdir())

    def test_fails_clearly_when_the_source_is_gone(self, project: Project, server: GitServer) -> None:
        (server.root / "repo.git").rename(server.root / "moved.git")

        imports.run(_import_of(project).pk)

        assert _status(project) == ProjectStatus.FAILED
        assert _import_of(project).error == "Not a Git repository"
        assert _import_of(project).secret is None
        assert not Vault(project.pk).exists()
        assert not list(scratch_root().iterdir())

    def test_fails_past_the_size_cap(self, project: Project, settings: Settings) -> None:
        settings.CLONE_MAX_BYTES = 10

        imports.run(_import_of(project).pk)

        assert _import_of(project).error == "The repository is larger than this server takes."
        assert not list(scratch_root().iterdir())

    def test_fails_past_the_time_cap(
        self, project: Project, server: GitServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remotes, "PROBE_TIMEOUT_S", 0.3)
        server.delay_s = 3

        imports.run(_import_of(project).pk)

        assert "in time" in _import_of(project).error
        assert _status(project) == ProjectStatus.FAILED

    def test_goes_where_the_name_leads_now_only_if_that_is_allowed(self, project: Project, settings: Settings) -> None:
        settings.CLONE_PRIVATE_HOSTS = []

        imports.run(_import_of(project).pk)

        assert _status(project) == ProjectStatus.FAILED
        assert not Vault(project.pk).exists()

    def test_leaves_the_row_for_the_next_run_when_the_server_stops(self, project: Project) -> None:
        with pytest.raises(ImportHalted):
            imports.run(_import_of(project).pk, is_halted=lambda: True)

        assert _import_of(project).status == ImportStatus.RUNNING
        assert not list(scratch_root().iterdir())
        imports.run(_import_of(project).pk)
        assert _status(project) == ProjectStatus.READY

    def test_gives_way_to_a_worker_that_took_over(self, project: Project) -> None:
        row = _import_of(project)

        def taken_over() -> bool:
            ProjectImport.objects.filter(pk=row.pk).update(attempt=7)
            return False

        imports.run(row.pk, is_halted=taken_over)

        assert _import_of(project).status == ImportStatus.RUNNING
        assert _status(project) == ProjectStatus.IMPORTING
        assert not Vault(project.pk).exists()


class TestCancel:
    def test_ends_a_waiting_import_at_once(self, project: Project) -> None:
        imports.cancel(row=_import_of(project), now=timezone.now())

        assert _import_of(project).status == ImportStatus.CANCELLED
        assert _status(project) == ProjectStatus.FAILED
        imports.run(_import_of(project).pk)
        assert not Vault(project.pk).exists()

    @pytest.mark.django_db(transaction=True)
    def test_stops_git_within_seconds(self, project: Project, server: GitServer) -> None:
        server.delay_s = 20
        row = _import_of(project)
        thread = threading.Timer(0.5, lambda: _cancel_elsewhere(row))
        thread.start()
        began_at = timezone.now()

        imports.run(row.pk)

        thread.join()
        server.delay_s = 0
        assert timezone.now() - began_at < timedelta(seconds=6)
        assert _import_of(project).status == ImportStatus.CANCELLED
        assert _import_of(project).secret is None
        assert not list(scratch_root().iterdir())

    def test_raises_import_finished_afterwards(self, project: Project) -> None:
        imports.run(_import_of(project).pk)

        with pytest.raises(ImportFinished):
            imports.cancel(row=_import_of(project), now=timezone.now())


def _cancel_elsewhere(row: ProjectImport) -> None:
    from django.db import connection

    try:
        imports.cancel(row=row, now=timezone.now())
    finally:
        connection.close()


class TestRescue:
    def test_ends_an_import_whose_worker_died(self, project: Project, data_dir: Path) -> None:
        row = _import_of(project)
        create_bare(scratch_root() / f"{row.pk}-1.git")
        long_ago = timezone.now() - timedelta(minutes=5)
        ProjectImport.objects.filter(pk=row.pk).update(status=ImportStatus.RUNNING, attempt=1, heartbeat_at=long_ago)

        assert imports.rescue(now=timezone.now()) == 1

        assert _import_of(project).status == ImportStatus.FAILED
        assert _status(project) == ProjectStatus.FAILED
        assert not list(scratch_root().iterdir())

    def test_lets_a_live_import_be(self, project: Project) -> None:
        ProjectImport.objects.update(status=ImportStatus.RUNNING, heartbeat_at=timezone.now())

        assert imports.rescue(now=timezone.now()) == 0

    def test_sweeps_what_crashes_left_behind(self, db: None) -> None:
        (scratch_root() / "old.upload").write_bytes(b"x")
        create_bare(scratch_root() / "old.git")
        (scratch_root() / "young.upload").write_bytes(b"x")
        for name in ("old.upload", "old.git"):
            os.utime(scratch_root() / name, (0, 0))

        imports.rescue(now=timezone.now() + timedelta(days=2))  # our clock may be wrong

        assert [path.name for path in scratch_root().iterdir()] == ["young.upload"]


class TestDeletedMeanwhile:
    def test_publishes_nothing_for_a_deleted_project(self, project: Project, alice: User, alice_actor: Actor) -> None:
        services.delete_project(actor=alice_actor, id=project.pk, now=timezone.now())

        imports.run(_import_of(project).pk)

        assert _import_of(project).status == ImportStatus.CANCELLED
        assert not Vault(project.pk).exists()
