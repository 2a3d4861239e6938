"""Bringing a checkpoint back: once, whatever dies on the way, and so that it can be taken back."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from projects import repository
from sandbox import Phase
from sandbox.errors import GitFailed, SandboxRefused
from sessions import services
from sessions.engine import lifecycle, restoring
from sessions.models import AgentSession, Checkpoint, Restoration, RestorationStatus
from tests.sessions.stage import Stage


def commit(stage: Stage, *paths: str) -> str:
    """A commit in the vault with these files."""
    branch = f"made/{uuid.uuid4().hex}"
    files = [repository.text_file(path, b"x\n") for path in paths]
    stage.vault.repository.commit_files(files, branch=branch, message="Made")
    return stage.vault.resolve_branch(branch)


async def turn(stage: Stage, commit: str, is_dirty: bool = False) -> Checkpoint:
    """A turn that leaves this tree."""
    stage.player.acts.append(lambda id: stage.snapshot_is(commit, is_dirty, id))
    job = await stage.play(await stage.asend())
    return await Checkpoint.objects.aget(job=job)


async def ask(stage: Stage, checkpoint: Checkpoint, key: uuid.UUID | None = None) -> Restoration:
    await stage.session.arefresh_from_db()
    made: Restoration = await in_db(services.restore_checkpoint)(
        session=stage.session, checkpoint=checkpoint, by=stage.owner, key=key, now=timezone.now()
    )
    return made


async def restore(stage: Stage, checkpoint: Checkpoint) -> Restoration:
    made = await ask(stage, checkpoint)
    await restoring.restore(stage.session.pk)
    await stage.session.arefresh_from_db()
    return await Restoration.objects.select_related("before").aget(pk=made.pk)


class Story:
    """Two turns, and what the working tree is by now."""

    def __init__(self, stage: Stage, first: Checkpoint, now: str) -> None:
        self.stage, self.first, self.now = stage, first, now

    @classmethod
    async def told(cls, stage: Stage) -> Story:
        commits = [await asyncio.to_thread(commit, stage, *paths) for paths in (["a"], ["a", "b"], ["a", "b", "c"])]
        first = await turn(stage, commits[0])
        await turn(stage, commits[1])
        stage.guest.next_snapshot = (commits[2], True, b"")
        return cls(stage, first, commits[2])


class TestRestore:
    async def test_saves_what_is_there_and_brings_the_checkpoint_back(self, stage: Stage) -> None:
        story = await Story.told(stage)

        done = await restore(stage, story.first)

        assert done.before is not None
        assert (done.status, done.before.commit, done.before.git_status) == ("DONE", story.now, "DIRTY")
        assert stage.vault.read_ref(f"refs/sessions/{stage.session.pk}/{done.before.pk}") == story.now
        assert stage.guest.restored == [(story.first.commit, stage.session.branch, False)]
        assert (stage.session.head_commit, stage.session.git_status) == (story.first.commit, "CLEAN")
        assert (stage.session.files_changed, done.before.files_changed) == (2, 4)
        (told,) = await stage.events("tree.restored")
        assert told == {
            "restore_id": str(done.pk),
            "by": {"id": str(stage.owner.pk), "name": stage.owner.display_name},
            "from_checkpoint_id": str(done.before.pk),
            "to_checkpoint_id": str(story.first.pk),
            "commit": story.first.commit,
            "git_status": "CLEAN",
            "files_changed": 2,
            "error": "",
        }

    async def test_is_taken_back_by_restoring_what_was_there_before(self, stage: Stage) -> None:
        story = await Story.told(stage)
        done = await restore(stage, story.first)
        assert done.before is not None

        stage.guest.next_snapshot = (story.first.commit, False, b"")
        await restore(stage, done.before)

        assert stage.guest.restored[-1] == (story.now, stage.session.branch, True)
        assert (stage.session.head_commit, stage.session.git_status) == (story.now, "DIRTY")
        assert stage.session.files_changed == 4

    @pytest.mark.parametrize("place", ["vault.imported", "restore.saved", "restore.applied"])
    async def test_goes_on_after_a_worker_that_died(self, stage: Stage, place: str) -> None:
        story = await Story.told(stage)
        await ask(stage, story.first)

        with stage.dying_at(place), pytest.raises(asyncio.CancelledError):
            await restoring.restore(stage.session.pk)
        if place != "vault.imported":  # by now the tree is not what it was before any more
            stage.guest.next_snapshot = (story.first.commit, False, b"")
        await restoring.restore(stage.session.pk)

        done = await Restoration.objects.select_related("before").aget()
        assert done.before is not None
        assert (done.status, done.before.commit) == ("DONE", story.now)
        assert len(await stage.events("tree.restored")) == 1
        assert await Checkpoint.objects.acount() == 3

    async def test_repeated_does_nothing_more(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await restore(stage, story.first)

        await restoring.restore(stage.session.pk)

        assert (len(stage.guest.restored), len(await stage.events("tree.restored"))) == (1, 1)

    async def test_a_stopped_session_gets_a_sandbox_for_it_and_has_none_afterwards(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await lifecycle.stop_session(stage.session.pk)
        stage.backend.made.clear()
        made = await ask(stage, story.first)

        await restoring.restore(stage.session.pk)
        await stage.session.arefresh_from_db()

        assert (await Restoration.objects.aget(pk=made.pk)).status == RestorationStatus.DONE
        assert stage.guest.restored == [(story.first.commit, stage.session.branch, False)]
        assert (stage.sandbox.phase, stage.session.status, stage.session.machine_id) == (Phase.STOPPED, "STOPPED", None)
        assert stage.session.head_commit == story.first.commit

    async def test_what_cannot_be_done_leaves_the_tree_and_says_why(self, stage: Stage) -> None:
        story = await Story.told(stage)
        stage.guest.refuses_restore = GitFailed("no space")

        done = await restore(stage, story.first)

        assert (done.status, done.error) == ("FAILED", "The working tree could not be restored: no space")
        (told,) = await stage.events("tree.restored")
        assert (told["error"], told["commit"]) == (done.error, story.now)
        assert stage.session.head_commit == story.now

    async def test_a_tree_that_cannot_be_saved_is_not_touched(self, stage: Stage) -> None:
        story = await Story.told(stage)
        stage.guest.next_snapshot = GitFailed("no repository")

        done = await restore(stage, story.first)

        assert (done.status, stage.guest.restored) == ("FAILED", [])
        assert (await stage.events("tree.restored"))[0]["from_checkpoint_id"] is None

    async def test_no_sandbox_is_told(self, stage: Stage) -> None:
        story = await Story.told(stage)
        stage.sandbox.phase, stage.backend.refusal = Phase.GONE, SandboxRefused("no room")

        assert (await restore(stage, story.first)).status == RestorationStatus.FAILED

    async def test_of_a_deleted_session_changes_nothing(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await ask(stage, story.first)
        await in_db(services.delete_session)(session=stage.session, now=timezone.now())

        await restoring.restore(stage.session.pk)

        assert stage.guest.restored == []

    async def test_lets_background_tasks_be_watched_again(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await AgentSession.objects.aupdate(background=[{"id": "b1", "kind": "command", "description": "serve"}])

        await restore(stage, story.first)

        again = ProcrastinateJob.objects.filter(task_name="sessions.run_turn", args__job_id="", status="todo")
        assert await again.acount() == 1


class TestTheAgent:
    async def prompts(self, stage: Stage, *texts: str) -> list[Any]:
        before = len(stage.player.prompts)
        for text in texts:
            await stage.play(await stage.asend(text))
        return stage.player.prompts[before:]

    async def test_is_told_with_its_next_message_and_once(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await restore(stage, story.first)
        stage.guest.next_snapshot = (story.now, False, b"")

        first, second = await self.prompts(stage, "go on", "and on")

        made_at = f"{story.first.created_at:%Y-%m-%d %H:%M} UTC"
        assert first.startswith("go on\n\n[Since your last turn the working tree was put back to its checkpoint of ")
        assert made_at in first
        assert second == "and on"

    async def test_is_told_with_the_first_message_that_is_no_command(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await restore(stage, story.first)
        stage.guest.next_snapshot = (story.now, False, b"")

        command, message = await self.prompts(stage, "/compact", "go on")

        assert command == "/compact"
        assert "put back" in message

    async def test_is_told_nothing_of_what_failed(self, stage: Stage) -> None:
        story = await Story.told(stage)
        stage.guest.refuses_restore = GitFailed("no space")
        await restore(stage, story.first)
        stage.guest.next_snapshot = (story.now, False, b"")

        assert await self.prompts(stage, "go on") == ["go on"]

    async def test_is_told_the_same_by_the_worker_that_comes_after(self, stage: Stage) -> None:
        story = await Story.told(stage)
        await restore(stage, story.first)
        stage.guest.next_snapshot = (story.now, False, b"")
        job = await stage.asend("go on")

        with stage.dying_at("turn.before_delivery"), pytest.raises(asyncio.CancelledError):
            await stage.play(job)
        await stage.play(job)

        (told,) = stage.player.prompts[-1:]
        assert "put back" in told
