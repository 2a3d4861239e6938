"""The time of a file system is that of the files that it makes, and asking for it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.file_time import file_time


def test_lies_between_the_files_before_and_after(tmp_path: Path) -> None:
    (tmp_path / "before").touch()
    moment = file_time(tmp_path)
    (tmp_path / "after").touch()

    assert (tmp_path / "before").stat().st_mtime <= moment <= (tmp_path / "after").stat().st_mtime
    assert {path.name for path in tmp_path.iterdir()} == {"before", "after"}


def test_of_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_time(tmp_path / "gone")
