"""Where the unix socket is, also when the data folder's path is long or someone was there first."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from gateway import sockets


@pytest.fixture(autouse=True)
def _short_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("t")))


class TestSocketDir:
    def test_is_below_the_data_folder_and_lists_nothing_to_others(self, settings: Settings, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path

        folder = sockets.socket_dir()

        assert folder == tmp_path / "run" / "gateway"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o711
        assert sockets.socket_dir() == folder

    def test_is_short_enough_for_the_kernel_below_a_long_path(self, settings: Settings, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path / ("long" * 30)

        path = sockets.socket_path()

        assert len(os.fsencode(path)) <= 100
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o711
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))

    def test_differs_between_data_folders(self, settings: Settings, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path / ("long" * 30)
        first = sockets.socket_dir()
        settings.DATA_DIR = tmp_path / ("long" * 31)

        assert sockets.socket_dir() != first

    def test_refuses_a_link_that_someone_put_there(self, settings: Settings, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path / ("long" * 30)
        short = sockets.socket_dir()
        short.rmdir()
        short.symlink_to(tmp_path)

        with pytest.raises(ImproperlyConfigured, match="SLIPWAY_DATA_DIR"):
            sockets.socket_dir()

    def test_refuses_a_folder_of_another_user(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.DATA_DIR = tmp_path / ("long" * 30)
        ours, me = sockets.socket_dir(), os.getuid()
        ours.rename(ours.with_name(ours.name.replace(f"-{me}-", f"-{me + 1}-")))
        monkeypatch.setattr(os, "getuid", lambda: me + 1)

        with pytest.raises(ImproperlyConfigured):
            sockets.socket_dir()
