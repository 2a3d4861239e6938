"""Diffs of the vault: every kind of change, odd names, attributes without a say, and the caps."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from projects import diffs
from projects.diffs import Diff, FileDiff
from projects.repository import Repository, create_bare
from tests.projects.building import Worktree


def _bare(worktree: Worktree) -> Repository:
    """A vault with the same objects."""
    path = worktree.path.parent / "bare.git"
    if not path.exists():
        create_bare(path, alternates=worktree.path / ".git/objects")
    return Repository(path)


def _read(worktree: Worktree, base: str) -> Diff:
    return diffs.read(_bare(worktree), base, worktree.head())


def _only(diff: Diff) -> FileDiff:
    assert len(diff.files) == 1
    return diff.files[0]


class TestRead:
    def test_shows_lines_with_their_numbers(self, worktree: Worktree) -> None:
        base = worktree.commit({"a.txt": b"one\ntwo\nthree\n"})
        worktree.commit({"a.txt": b"one\n2\nthree\nfour"})

        file = _only(_read(worktree, base))

        assert (file.path, file.old_path, file.status, file.additions, file.deletions) == (
            "a.txt",
            None,
            "modified",
            2,
            1,
        )
        assert [(line.kind, line.text, line.old, line.new) for line in file.hunks[0].lines] == [
            (" ", "one", 1, 1),
            ("-", "two", 2, None),
            ("+", "2", None, 2),
            (" ", "three", 3, 3),
            ("+", "four", None, 4),
        ]

    def test_tells_added_deleted_and_renamed_apart(self, worktree: Worktree) -> None:
        body = b"".join(b"line %d\n" % number for number in range(30))
        base = worktree.commit({"old.txt": body, "gone.txt": b"x\n"})
        (worktree.path / "gone.txt").unlink()
        (worktree.path / "old.txt").rename(worktree.path / "new.txt")
        worktree.commit({"fresh.txt": b"y\n"})

        files = {file.path: file for file in _read(worktree, base).files}

        assert files["gone.txt"].status == "deleted"
        assert files["fresh.txt"].status == "added"
        assert (files["new.txt"].status, files["new.txt"].old_path) == ("renamed", "old.txt")
        assert diffs.count_files(_bare(worktree), base, worktree.head()) == 3

    def test_marks_binary_files(self, worktree: Worktree) -> None:
        base = worktree.head()
        worktree.commit({"a.bin": b"\0\1\2" * 100, "b.txt": b"text\n"})

        binary, text = _read(worktree, base).files

        assert binary.is_binary
        assert not binary.hunks
        assert text.additions == 1
        assert text.hunks

    @pytest.mark.parametrize("attributes", [b"* -diff\n", b"* binary\n", b"* diff=evil\n", b"* -text -diff\n"])
    def test_lets_no_attribute_hide_a_change(self, worktree: Worktree, attributes: bytes) -> None:
        base = worktree.commit({".gitattributes": attributes, "a.py": b"good\n"})
        worktree.commit({"a.py": b"evil\n"})

        file = _only(_read(worktree, base))

        assert not file.is_binary
        assert [line.text for line in file.hunks[0].lines] == ["good", "evil"]

    @pytest.mark.parametrize(
        "name",
        [
            b"a\nb",
            b'q"uote',
            b"tab\there",
            b"diff --git a",
            b"-x",
            b":(top)*",
            b"a => b",
            b"sp ace",
            "日本.txt".encode(),
            b"\xff\xfe",
            b"$(touch x)",
        ],
    )
    def test_matches_odd_names_to_their_changes(self, worktree: Worktree, name: bytes) -> None:
        base = worktree.commit({"zz.txt": b"1\n"})
        Path(os.fsdecode(os.fsencode(worktree.path) + b"/" + name)).write_bytes(b"new\n")
        worktree.commit({"zz.txt": b"2\n"})

        files = {file.path: file for file in _read(worktree, base).files}

        odd = files[name.decode(errors="replace")]
        assert [line.text for line in odd.hunks[0].lines] == ["new"]
        assert [line.text for line in files["zz.txt"].hunks[0].lines] == ["1", "2"]

    def test_matches_changes_after_a_file_that_became_a_link(self, worktree: Worktree) -> None:
        base = worktree.commit({"a": b"text\n", "b": b"1\n"})
        (worktree.path / "a").unlink()
        (worktree.path / "a").symlink_to("b")
        worktree.commit({"b": b"2\n"})

        link, after = _read(worktree, base).files

        assert (link.old_mode, link.new_mode) == ("100644", "120000")
        assert [line.text for line in after.hunks[0].lines] == ["1", "2"]

    def test_shows_a_change_of_mode_only(self, worktree: Worktree) -> None:
        base = worktree.commit({"run": b"x\n", "z": b"1\n"})
        (worktree.path / "run").chmod(0o755)
        worktree.commit({"z": b"2\n"})

        run, other = _read(worktree, base).files

        assert (run.old_mode, run.new_mode, run.hunks) == ("100644", "100755", [])
        assert other.hunks

    def test_takes_text_that_looks_like_a_diff(self, worktree: Worktree) -> None:
        base = worktree.head()
        text = b"diff --git a/x b/x\n@@ -1 +1 @@\n-- x\n++ y\n\\ No newline\n1\t1\tname\n"
        worktree.commit({"a": text, "b": b"after\n"})

        first, second = _read(worktree, base).files

        assert [line.text for line in first.hunks[0].lines] == text.decode().splitlines()
        assert [line.text for line in second.hunks[0].lines] == ["after"]

    def test_keeps_carriage_returns_and_form_feeds_inside_lines(self, worktree: Worktree) -> None:
        base = worktree.head()
        worktree.commit({"a": b"one\r\ntw\x0co\rx\n"})

        assert [line.text for line in _only(_read(worktree, base)).hunks[0].lines] == ["one\r", "tw\x0co\rx"]

    def test_is_empty_between_equal_commits(self, worktree: Worktree) -> None:
        diff = _read(worktree, worktree.head())

        assert (diff.files, diff.is_truncated) == ([], False)


class TestCaps:
    def test_cuts_a_large_patch_and_keeps_the_list_of_files(self, worktree: Worktree) -> None:
        base = worktree.head()
        worktree.commit({f"{number}.txt": b"0123456789\n" * 60_000 for number in range(5)})

        diff = _read(worktree, base)

        assert diff.is_truncated
        assert len(diff.files) == 5
        assert diff.additions == 300_000
        assert sum(len(hunk.lines) for file in diff.files for hunk in file.hunks) <= diffs.MAX_LINES

    def test_cuts_the_list_of_files(self, worktree: Worktree, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(diffs, "MAX_FILES", 10)
        base = worktree.head()
        worktree.commit({f"{number}.txt": b"%d\n" % number for number in range(25)})

        diff = _read(worktree, base)

        assert diff.is_truncated
        assert len(diff.files) == 10
        assert diffs.count_files(_bare(worktree), base, worktree.head()) == 25

    def test_answers_soon_for_one_line_of_100_megabytes(self, worktree: Worktree) -> None:
        base = worktree.commit({"a": b"a" * 100_000_000})
        worktree.commit({"a": b"b" * 100_000_000})
        started_at = time.monotonic()

        file = _only(_read(worktree, base))

        assert file.is_binary
        assert time.monotonic() - started_at < 15
