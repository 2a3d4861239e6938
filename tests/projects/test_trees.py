"""The names of a tree: odd ones, many of them, and how long they are kept."""

from __future__ import annotations

import os
import uuid

import pytest

from projects import trees
from projects.errors import BadRef, ProjectNotReady
from projects.repository import Repository, create_bare
from projects.vault import Vault
from tests.projects.building import Worktree


def _bare(worktree: Worktree) -> Repository:
    path = worktree.path.parent / "bare.git"
    create_bare(path, alternates=worktree.path / ".git/objects")
    return Repository(path)


class TestRead:
    def test_lists_files_and_their_folders(self, worktree: Worktree) -> None:
        commit = worktree.commit({"src/app/main.py": b"", "src/test.py": b"", "äöü/日本語.txt": b""})

        found = trees.read(_bare(worktree), commit)

        assert found.paths == (
            "README.md",
            "src/",
            "src/app/",
            "src/app/main.py",
            "src/test.py",
            "äöü/",
            "äöü/日本語.txt",
        )
        assert found.top() == ["src/", "äöü/", "README.md"]
        assert not found.is_truncated

    def test_leaves_out_names_that_cannot_be_written(self, worktree: Worktree) -> None:
        names = [
            "new\nline",
            "escape\x1b[31m",
            "bell\x07",
            "line\u2028separator",
            "x" * 200 + "/" + "y" * 250,
            "-rf",
            "a b",
        ]
        for name in names:
            target = worktree.path / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(b"")
        (worktree.path / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"")
        commit = worktree.commit({})

        found = trees.read(_bare(worktree), commit)

        assert set(found.paths) == {"-rf", "README.md", "a b", f"{'x' * 200}/", names[4]}

    def test_of_what_is_too_much_reads_the_beginning(self, worktree: Worktree, monkeypatch: pytest.MonkeyPatch) -> None:
        commit = worktree.commit({f"{number:03}.txt": b"" for number in range(100)})
        monkeypatch.setattr(trees, "MAX_BYTES", 26)

        found = trees.read(_bare(worktree), commit)

        assert (found.paths, found.is_truncated) == (("000.txt", "001.txt", "002.txt"), True)

    def test_names_what_changed_and_is_there(self, worktree: Worktree) -> None:
        base = worktree.commit({"a.txt": b"1", "b.txt": b"2", "gone.txt": b"3"})
        (worktree.path / "gone.txt").unlink()
        head = worktree.commit({"b.txt": b"4", "new.txt": b"3"})

        assert trees.changed(_bare(worktree), base, head) == ["b.txt", "new.txt"]


class TestKept:
    def test_reads_a_commit_once(self) -> None:
        kept, reads, project = trees.Kept(), [], uuid.uuid4()

        def read() -> trees.Listing:
            reads.append(1)
            return trees.listing(["a"])

        assert kept.get(project, "c", read) is kept.get(project, "c", read)
        kept.get(uuid.uuid4(), "c", read)  # another project's: what it may see is its own

        assert len(reads) == 2

    def test_forgets_what_was_used_longest_ago(self) -> None:
        kept, project, reads = trees.Kept(most=45), uuid.uuid4(), []

        def get(commit: str) -> None:
            def read() -> trees.Listing:
                reads.append(commit)
                return trees.listing(["x" * 10])

            kept.get(project, commit, read)

        for commit in ("a", "b", "a", "c", "a", "b"):
            get(commit)

        assert reads == ["a", "b", "c", "b"]


class TestVault:
    def test_reads_what_was_imported(self, vault: Vault) -> None:
        assert vault.files(vault.resolve_branch("main")).paths == ("README.md",)

    @pytest.mark.parametrize("commit", ["--help", "main", "HEAD", "a" * 39, ""])
    def test_takes_object_ids_only(self, vault: Vault, commit: str) -> None:
        with pytest.raises(BadRef):
            vault.files(commit)

    def test_needs_a_repository(self) -> None:
        with pytest.raises(ProjectNotReady):
            Vault(uuid.uuid4()).files("a" * 40)
