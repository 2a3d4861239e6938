"""What killed processes leave of vaults: removed when it is old and nobody is at work, and never sooner."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings

from accounts.auth import actor_for
from accounts.models import Organization, User
from projects import git, leftovers, services
from projects.leftovers import sweep
from projects.models import Project
from projects.repository import scratch_root, vault_root
from projects.vault import Vault
from tests.sessions.rows import make_vault_project

LOCKS = ["packed-refs.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock", "refs/sessions/a/b.lock"]


def make(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def age(tree: Path, by_s: float) -> None:
    moment = time.time() - by_s
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (moment, moment))


@contextmanager
def git_at_work(vault: Vault) -> Iterator[None]:
    """A git that has the vault open and waits."""
    command = ["git", f"--git-dir={vault.path}", "cat-file", "--batch"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=git.environment())
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"nothing\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"nothing missing\n"  # it is there by now
    try:
        yield
    finally:
        process.communicate()


@pytest.mark.django_db
class TestSetAside:
    def test_puts_a_vault_without_a_project_aside_and_removes_it_a_week_later(
        self, alice: User, organization: Organization
    ) -> None:
        project = make_vault_project(alice, organization)
        with transaction.atomic():
            left = make_vault_project(alice, organization, "left")
            transaction.set_rollback(True)  # the server dies before the row is committed
        at, kept = timezone.now(), Vault(project.pk).path

        young = leftovers.set_aside(now=at + timedelta(days=1))  # our clock may be wrong
        age(vault_root(), 7200)
        found = [leftovers.set_aside(now=at) for _ in range(2)]
        is_there = Vault(left.pk).path.exists()
        aside = list(vault_root().glob(f"{left.pk}.git.*"))
        removed = [leftovers.set_aside(now=at + timedelta(days=days)) for days in (6, 8)]

        assert (young, found, is_there, len(aside), removed) == (0, [1, 0], False, 1, [0, 1])
        assert not aside[0].exists()
        assert kept.exists()


@pytest.mark.django_db
class TestRemoveDeleted:
    """A project was deleted, and its task is gone."""

    def test_queues_the_removal_of_a_vault_once(self, alice: User, organization: Organization) -> None:
        kept, doomed = (make_vault_project(alice, organization, name) for name in ("kept", "doomed"))
        at = deleted_long_ago(alice, doomed)
        forget_tasks()

        found = [leftovers.remove_deleted(now=at) for _ in range(2)]
        (task,) = ProcrastinateJob.objects.all()
        services.remove_vault(uuid.UUID(task.args["project_id"]))

        assert (found, task.task_name, task.queue_name) == ([1, 0], "projects.remove_vault", "imports")
        assert not Vault(doomed.pk).exists()
        assert Vault(kept.pk).exists()

    def test_leaves_one_whose_task_waits_or_runs(self, alice: User, organization: Organization) -> None:
        at = deleted_long_ago(alice, make_vault_project(alice, organization))
        (task,) = ProcrastinateJob.objects.all()

        waiting = leftovers.remove_deleted(now=at)
        _set_status(task, "doing")
        running = leftovers.remove_deleted(now=at)
        _set_status(task, "failed")

        assert (waiting, running, leftovers.remove_deleted(now=at)) == (0, 0, 1)

    def test_leaves_one_that_may_still_be_taken_back(
        self, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.UNDO_S = 7200
        at = deleted_long_ago(alice, make_vault_project(alice, organization))

        assert not ProcrastinateJob.objects.exists()
        assert leftovers.remove_deleted(now=at) == 0
        assert leftovers.remove_deleted(now=at + timedelta(hours=2)) == 1

    def test_leaves_one_that_was_deleted_just_now(self, alice: User, organization: Organization) -> None:
        deleted_long_ago(alice, make_vault_project(alice, organization))
        forget_tasks()

        assert leftovers.remove_deleted(now=timezone.now()) == 0

    def test_has_nothing_to_do_once_the_vault_is_gone(self, alice: User, organization: Organization) -> None:
        project = make_vault_project(alice, organization)
        at = deleted_long_ago(alice, project)
        services.remove_vault(project.pk)
        forget_tasks()

        assert leftovers.remove_deleted(now=at) == 0


def deleted_long_ago(user: User, project: Project) -> datetime:
    """Delete it now, and give a moment that is long after."""
    services.delete_project(actor=actor_for(user), id=project.pk, now=timezone.now())
    return timezone.now() + timedelta(hours=1)


def forget_tasks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs")


def _set_status(task: ProcrastinateJob, status: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update procrastinate_jobs set status = %s where id = %s", [status, task.pk])


class TestSweep:
    @pytest.mark.parametrize("name", LOCKS)
    def test_removes_a_stale_lock_and_git_works_again(self, vault: Vault, name: str) -> None:
        make(vault.path / name, age_s=61)

        assert [sweep(), sweep()] == [1, 0]
        vault.repository.update_refs({"refs/sessions/a/b": vault.resolve_branch("main")})
        vault.repository.set_head("main")

    @pytest.mark.parametrize("name", LOCKS)
    def test_leaves_a_young_lock(self, vault: Vault, name: str) -> None:
        lock = make(vault.path / name, age_s=30)

        assert (sweep(), lock.exists()) == (0, True)

    def test_leaves_locks_while_git_is_at_work(self, vault: Vault) -> None:
        lock = make(vault.path / "packed-refs.lock", age_s=600)

        with git_at_work(vault):
            found = sweep(), lock.exists(), leftovers.is_at_work(vault.path)

        assert found == (0, True, True)
        assert (sweep(), leftovers.is_at_work(vault.path)) == (1, False)

    def test_removes_old_packs_and_folders_of_broken_imports_only(self, vault: Vault) -> None:
        old = [make(vault.path / "objects/pack/tmp_pack_x", 4000), make(vault.path / "objects/aa/tmp_obj_y", 4000)]
        young = make(vault.path / "objects/pack/tmp_pack_z", 600)
        pack = make(vault.path / "objects/pack/pack-1.keep", 4000)
        for name in ("old.git", "young.git"):
            (scratch_root() / name / "objects/pack").mkdir(parents=True)
        (vault_root() / "x.deleted").mkdir()
        for folder in (scratch_root() / "old.git" / "objects/pack", scratch_root() / "old.git" / "objects"):
            os.utime(folder, (0, 0))
        for folder in (scratch_root() / "old.git", vault_root() / "x.deleted"):
            os.utime(folder, (0, 0))

        assert [sweep(), sweep()] == [4, 0]
        assert not any(path.exists() for path in old)
        assert young.exists()
        assert pack.exists()
        assert sorted(path.name for path in scratch_root().iterdir()) == ["young.git"]

    def test_leaves_an_import_that_still_writes(self, vault: Vault) -> None:
        pack = make(scratch_root() / "busy.git" / "objects/pack/tmp_pack_1", 60)
        os.utime(pack.parent.parent.parent, (0, 0))

        assert sweep() == 0
        age(scratch_root() / "busy.git", 7200)
        assert sweep() == 1
