"""Every kind of sandbox clones and snapshots alike, in whatever state an agent left the repository."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Mount, Sandbox
from sandbox.answers import Snapshot
from sandbox.errors import BadRequest, GitFailed, NotARepository, WorkTreeNotEmpty
from tests.sandbox import repositories
from tests.sandbox.backends import Maker

pytestmark = pytest.mark.shares

ALICE: dict[str, Any] = {"user_name": "Alice", "user_email": "alice@example.org"}
BASE = {"README": "hello\n", ".gitignore": "*.log\n", "src/a.txt": "one\n"}


class Repository:
    """A sandbox whose work tree is a clone, and the vault it came from."""

    def __init__(self, made: Sandbox, vault: Path, commit: str) -> None:
        self.made = made
        self.vault = vault
        self.commit = commit

    async def sh(self, script: str) -> str:
        result = await self.made.guest.run(["sh", "-ec", script])
        assert result.exit_code == 0, result.stderr
        return result.stdout.decode()

    async def snapshot(self, parent: str | None = None) -> Snapshot:
        return await self.made.guest.snapshot(message="turn 1", known=[self.commit], parent=parent)

    async def files(self, snapshot: Snapshot) -> dict[str, str]:
        """What the vault holds of a snapshot once its pack is in."""
        repositories.import_pack(self.vault, b"".join([part async for part in snapshot.pack]))
        return repositories.files_of(self.vault, snapshot.commit)


async def bundle_of(vault: Path, commit: str) -> AsyncIterator[bytes]:
    data = repositories.git(vault, "bundle", "create", "-q", "-", "main")
    for start in range(0, len(data), 50):
        yield data[start : start + 50]


async def clone(maker: Maker, folder: Path) -> Repository:
    vault, commit = repositories.make_vault(folder)
    made = await maker.open()
    await made.guest.clone(commit=commit, branch="slipway/x", bundle=bundle_of(vault, commit), **ALICE)
    return Repository(made, vault, commit)


class TestClone:
    async def test_checks_the_branch_out_from_a_bundle(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)

        assert await repository.sh("git symbolic-ref HEAD; cat README; git remote; git config user.name") == (
            "refs/heads/slipway/x\nhello\nAlice\n"
        )
        state = await repository.made.guest.git_status()
        assert (state.head, state.is_dirty) == (repository.commit, False)

    @pytest.mark.needs("mount")
    async def test_borrows_the_objects_of_the_vault(self, maker: Maker, tmp_path: Path) -> None:
        vault, commit = repositories.make_vault(tmp_path)
        made = await maker.open(mounts=(Mount(vault / "objects", "/vault/objects"),))

        await made.guest.clone(commit=commit, branch="topic", alternates="/vault/objects", **ALICE)

        assert await made.guest.read_file("src/a.txt") == b"one\n"
        count = await made.guest.run(["git", "count-objects"])
        assert count.stdout.startswith(b"0 objects")
        assert (await made.guest.run(["touch", "/vault/objects/x"])).exit_code != 0

    async def test_leaves_an_empty_tree_when_it_fails(self, maker: Maker, tmp_path: Path) -> None:
        vault, commit = repositories.make_vault(tmp_path)
        made = await maker.open()

        with pytest.raises(GitFailed):
            await made.guest.clone(commit="0" * 39 + "1", branch="topic", bundle=bundle_of(vault, commit), **ALICE)

        assert await made.guest.list_dir(".") == []
        await made.guest.clone(commit=commit, branch="topic", bundle=bundle_of(vault, commit), **ALICE)

    async def test_refuses_a_tree_that_is_not_empty(self, maker: Maker, tmp_path: Path) -> None:
        vault, commit = repositories.make_vault(tmp_path)
        made = await maker.open()
        await made.guest.write_file("mine", b"")

        with pytest.raises(WorkTreeNotEmpty):
            await made.guest.clone(commit=commit, branch="topic", bundle=bundle_of(vault, commit), **ALICE)

        assert await made.guest.read_file("mine") == b""

    @pytest.mark.parametrize("branch", ["--upload-pack=x", "a..b", "a b", "", "x.lock", "@{", "a\nb"])
    async def test_refuses_what_is_no_branch(self, maker: Maker, tmp_path: Path, branch: str) -> None:
        vault, commit = repositories.make_vault(tmp_path)
        made = await maker.open()

        with pytest.raises(BadRequest):
            await made.guest.clone(commit=commit, branch=branch, bundle=bundle_of(vault, commit), **ALICE)
        with pytest.raises(BadRequest):
            await made.guest.clone(commit="main", branch="topic", bundle=bundle_of(vault, commit), **ALICE)


class TestSnapshot:
    async def test_is_head_itself_when_nothing_has_changed(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)

        snapshot = await repository.snapshot()

        assert (snapshot.commit, snapshot.is_dirty, snapshot.notes) == (repository.commit, False, [])
        assert await repository.files(snapshot) == BASE

    async def test_holds_changed_new_and_deleted_files_but_no_ignored_ones(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "echo two > src/a.txt; rm README; echo n > 'new file'; echo l > x.log; mkdir e; ln -s ../a e/l"
        )

        snapshot = await repository.snapshot()

        assert snapshot.is_dirty
        assert await repository.files(snapshot) == {
            ".gitignore": "*.log\n",
            "src/a.txt": "two\n",
            "new file": "n\n",
            "e/l": "../a",
        }
        author = repositories.text(repository.vault, "log", "-1", "--format=%an %ae %P %s", snapshot.commit)
        assert author == f"Alice alice@example.org {repository.commit} turn 1"

    async def test_changes_neither_index_nor_head_nor_files(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo two > src/a.txt; git add src/a.txt; echo three > src/a.txt; echo n > new")
        look = "git status --porcelain; git rev-parse HEAD; git stash list; sha256sum .git/index; git for-each-ref"
        before = await repository.sh(look)

        await repository.snapshot()

        assert await repository.sh(look) == before

    async def test_sees_a_change_of_equal_size_within_the_same_moment(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)

        for number in range(5):
            await repository.sh(
                f"echo {number}aa > src/a.txt; git add -A; git commit -qm x; echo {number}bb > src/a.txt"
            )
            snapshot = await repository.snapshot()

            assert (await repository.files(snapshot))["src/a.txt"] == f"{number}bb\n"

    async def test_carries_the_agents_own_commits(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo 2 > b; git add b; git commit -qm second; echo 3 > c")

        snapshot = await repository.snapshot()

        assert await repository.files(snapshot) == {**BASE, "b": "2\n", "c": "3\n"}
        subjects = repositories.text(repository.vault, "log", "--format=%s", snapshot.commit)
        assert subjects.split("\n") == ["turn 1", "second", "first"]

    async def test_takes_the_parent_given(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo 1 > b")
        first = await repository.snapshot()
        await repository.sh("echo 2 > b")

        second = await repository.snapshot(parent=first.commit)

        await repository.files(second)
        assert repositories.text(repository.vault, "rev-parse", f"{second.commit}^") == first.commit
        with pytest.raises(GitFailed):
            await repository.snapshot(parent="0" * 40)

    async def test_packs_only_what_is_not_known(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("head -c 300000 /dev/urandom > big")
        first = await repository.snapshot()
        await repository.sh("echo small > small")

        second = await repository.made.guest.snapshot(message="2", known=[first.commit, "f" * 40], parent=first.commit)

        assert len(b"".join([part async for part in first.pack])) > 300_000
        assert len(b"".join([part async for part in second.pack])) < 2_000

    @pytest.mark.parametrize("command", ["merge", "rebase"])
    async def test_works_in_the_middle_of_a_conflict(self, maker: Maker, tmp_path: Path, command: str) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "git checkout -q -b other; echo theirs > src/a.txt; git commit -qam o; git checkout -q -;"
            f"echo ours > src/a.txt; git rm -q README; git commit -qam m; git {command} other >/dev/null 2>&1 || true"
        )

        snapshot = await repository.snapshot()

        files = await repository.files(snapshot)
        assert "<<<<<<<" in files["src/a.txt"]
        assert "UU src/a.txt" in await repository.sh("git status --porcelain")

    async def test_leaves_out_what_cannot_be_taken_and_says_so(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "echo n > new; truncate -s 200M huge; mkfifo pipe; rm README; mkfifo README;"
            "git init -q nested; cd nested; echo x > inside; git add .; git -c user.name=a -c user.email=b commit -qm n"
        )

        snapshot = await repository.snapshot()

        assert await repository.files(snapshot) == {**BASE, "new": "n\n"}
        assert sorted(note.split(" was left out: ")[0] for note in snapshot.notes) == ["README", "huge", "nested/"]

    async def test_survives_locks_and_a_damaged_index(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo n > new; touch .git/index.lock .git/HEAD.lock; echo rubbish > .git/index")

        snapshot = await repository.snapshot()

        assert await repository.files(snapshot) == {**BASE, "new": "n\n"}

    async def test_sees_files_that_became_folders_and_links(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "rm README; mkdir README; echo x > README/x; mkdir other; mv src/a.txt other; rmdir src; ln -s other src"
        )

        snapshot = await repository.snapshot()

        assert await repository.files(snapshot) == {
            ".gitignore": "*.log\n",
            "README/x": "x\n",
            "other/a.txt": "one\n",
            "src": "other",
        }

    async def test_works_before_the_first_commit_and_on_a_detached_head(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("git checkout -q --detach; echo n > new")
        assert await repository.files(await repository.snapshot()) == {**BASE, "new": "n\n"}

        await repository.sh("rm -rf .git; git init -q")

        state = await repository.made.guest.git_status()
        snapshot = await repository.snapshot()
        assert (state.head, state.is_dirty) == (None, True)
        assert await repository.files(snapshot) == {**BASE, "new": "n\n"}

    async def test_runs_no_hook_and_no_monitor(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "for h in pre-commit post-index-change reference-transaction fsmonitor-watchman; do"
            ' printf "#!/bin/sh\\ntouch $PWD/tripped.log\\n" > .git/hooks-$h; done; mkdir -p .git/hooks;'
            "for f in .git/hooks-*; do chmod +x $f; mv $f .git/hooks/${f#.git/hooks-}; done;"
            "git config core.fsmonitor .git/hooks/fsmonitor-watchman; echo n > new"
        )

        await repository.snapshot()
        await repository.made.guest.git_status()

        assert "tripped.log" not in await repository.sh("ls")

    async def test_says_when_there_is_no_repository(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("rm -rf .git")

        with pytest.raises(NotARepository):
            await repository.snapshot()
        with pytest.raises(NotARepository):
            await repository.made.guest.git_status()

    async def test_saves_the_files_when_all_objects_are_lost(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("rm -rf .git/objects/*; echo n > new")

        assert await repository.files(await repository.snapshot()) == {**BASE, "new": "n\n"}


class TestRestore:
    async def state(self, repository: Repository) -> str:
        return await repository.sh(
            "git symbolic-ref HEAD; git log --format=%s; git status --porcelain; cat src/* | sort"
        )

    async def restore(self, repository: Repository, snapshot: Snapshot) -> None:
        await repository.made.guest.restore(commit=snapshot.commit, branch="slipway/x", is_dirty=snapshot.is_dirty)

    async def test_brings_back_files_that_were_changed_deleted_and_new(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo two > src/a.txt; echo new > src/b.txt; rm README; echo noise > x.log")
        before, then = await self.state(repository), await repository.snapshot()
        await repository.sh(
            "echo three > src/a.txt; rm src/b.txt; echo late > late; mkdir d; echo e > d/e; echo n > x.log"
        )

        await self.restore(repository, then)

        assert await self.state(repository) == before
        assert await repository.sh("ls; cat x.log") == "src\nx.log\nn\n"  # ignored files are nobody's business

    async def test_takes_commits_of_the_agents_back_and_brings_them_again(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo two > src/a.txt")
        early, then = await self.state(repository), await repository.snapshot()
        await repository.sh(
            "git commit -qam two; git switch -qc other; echo o > src/o.txt; git add .; git commit -qm o"
        )
        await repository.sh("echo dirt >> src/o.txt")
        now = await repository.snapshot()

        await self.restore(repository, then)
        assert await self.state(repository) == early
        assert await repository.sh("git log --format=%s other") == "o\ntwo\nfirst\n"
        await self.restore(repository, now)

        assert await self.state(repository) == "refs/heads/slipway/x\no\ntwo\nfirst\n M src/o.txt\ndirt\no\ntwo\n"

    async def test_is_harmless_when_repeated(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo two > src/a.txt; echo new > src/b.txt")
        then = await repository.snapshot()
        await repository.sh("rm -r src; echo x > src")

        for _ in range(2):
            await self.restore(repository, then)

        assert (await repository.snapshot()).is_dirty
        assert await repository.sh("cat src/*; git diff --stat | tail -1; git diff --cached") == (
            "two\nnew\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
        )

    async def test_turns_files_into_folders_and_links_and_back(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh(
            "mkdir thing; echo in > thing/file; ln -s README link; printf '#!/bin/sh\\n' > run; chmod +x run"
        )
        then = await repository.snapshot()
        await repository.sh("rm -r thing link; echo flat > thing; mkdir link; echo deep > link/x; chmod -x run")

        await self.restore(repository, then)

        assert await repository.sh("cat thing/file; readlink link; test -x run && echo runs") == "in\nREADME\nruns\n"

    async def test_survives_locks_conflicts_and_a_damaged_index(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        then = await repository.snapshot()
        await repository.sh("git switch -qc theirs; echo theirs > README; git commit -qam theirs; git switch -q -")
        await repository.sh("echo ours > README; git commit -qam ours; git merge theirs >/dev/null || true")
        await self.restore(repository, then)
        assert await repository.sh("cat README; git status --porcelain") == "hello\n"

        await repository.sh("echo lost > README; echo rubbish > .git/index; touch .git/index.lock")
        await self.restore(repository, then)
        assert await repository.sh("cat README; rm .git/index.lock; git status --porcelain") == "hello\n"

    async def test_runs_no_hook(self, maker: Maker, tmp_path: Path) -> None:
        repository = await clone(maker, tmp_path)
        then = await repository.snapshot()
        await repository.sh(
            "mkdir -p .git/hooks; for hook in post-checkout reference-transaction post-index-change; do "
            "printf '#!/bin/sh\\ntouch ran.log\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done"
        )

        await repository.sh("echo x > README")

        await self.restore(repository, then)

        assert await repository.sh("ls; cat README") == "README\nsrc\nhello\n"

    @pytest.mark.parametrize("commit", ["0" * 40, "HEAD", "--help"])
    async def test_changes_nothing_for_what_is_not_there(self, maker: Maker, tmp_path: Path, commit: str) -> None:
        repository = await clone(maker, tmp_path)
        await repository.sh("echo mine > README")

        with pytest.raises((GitFailed, BadRequest)):
            await repository.made.guest.restore(commit=commit, branch="slipway/x", is_dirty=False)
        with pytest.raises(BadRequest):
            await repository.made.guest.restore(commit=repository.commit, branch="a..b", is_dirty=False)

        assert await repository.sh("cat README") == "mine\n"
