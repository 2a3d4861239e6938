"""A clone that was cut off is as if it had never begun."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guest import repository
from guest.places import Places


def places_in(folder: Path) -> Places:
    for name in ("home", "work", "state", "gateway"):
        (folder / name).mkdir()
    return Places(**{name: str(folder / name) for name in ("home", "work", "state", "gateway")})


class TestDropHalfClone:
    def test_empties_the_work_tree_of_a_clone_that_was_cut_off(self, tmp_path: Path) -> None:
        places = places_in(tmp_path)
        (tmp_path / "work/.git").mkdir()
        (tmp_path / "work/half.txt").write_text("half")
        (tmp_path / "state/cloning").touch()

        repository.drop_half_clone(places)

        assert list((tmp_path / "work").iterdir()) == []
        assert not (tmp_path / "state/cloning").exists()

    def test_keeps_the_work_of_a_finished_one(self, tmp_path: Path) -> None:
        places = places_in(tmp_path)
        (tmp_path / "work/mine.txt").write_text("mine")

        repository.drop_half_clone(places)

        assert (tmp_path / "work/mine.txt").read_text() == "mine"


class TestQuoted:
    @pytest.mark.parametrize(
        "value", ["Ann O'Hara", 'a "b" \\ c', " lead # ; \ttail ", "two\nlines", "[user]\r", "é", ""]
    )
    def test_is_read_by_git_as_it_was(self, tmp_path: Path, value: str) -> None:
        repository._sign(str(tmp_path), value, "a@example.com")

        command = ["git", "config", "--file", str(tmp_path / "config"), "-z", "--get", "user.name"]
        assert subprocess.run(command, check=True, capture_output=True).stdout.decode() == f"{value}\0"
