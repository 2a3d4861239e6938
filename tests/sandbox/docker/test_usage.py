"""What lies in a folder is counted, whatever an agent has made of it, and nothing outside of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from sandbox import DockerSpec
from sandbox.docker import quota, usage
from sandbox.docker.quota import Watch
from sandbox.docker.usage import Usage

MB = 2**20


def fill(path: Path, size: int) -> None:
    path.write_bytes(os.urandom(size))


def nested(folder: Path, depth: int) -> None:
    """Folders in one another, deeper than a path can tell."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


class TestUsage:
    async def test_counts_files_once_and_follows_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "home"
        (folder / "deep" / "er").mkdir(parents=True)
        fill(tmp_path / "outside", 4 * MB)
        fill(folder / "one", MB)
        fill(folder / "deep" / "er" / "two", MB)
        os.link(folder / "one", folder / "again")
        (folder / "link").symlink_to(tmp_path)
        os.mkfifo(folder / "fifo")
        os.truncate(folder / "one", 0)
        fill(folder / "one", MB)
        with (folder / "sparse").open("wb") as file:
            file.truncate(10**12)

        found = await usage.of(folder)

        assert found is not None
        assert found.is_whole
        assert found.files == 8
        assert 2 * MB <= found.size_bytes < 3 * MB

    async def test_counts_what_no_path_can_name_and_says_when_it_is_too_deep(self, tmp_path: Path) -> None:
        for name, depth in (("long", 390), ("deep", 450)):
            (tmp_path / name).mkdir()
            nested(tmp_path / name, depth)

        long, deep = await usage.of(tmp_path / "long"), await usage.of(tmp_path / "deep")

        assert (long and long.files, long and long.is_whole) == (390, True)
        assert deep is not None
        assert not deep.is_whole

    async def test_knows_nothing_of_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert await usage.of(tmp_path / "nowhere") is None


class TestWatch:
    @pytest.fixture
    def spec(self, tmp_path: Path) -> DockerSpec:
        return DockerSpec("m", tmp_path, (), None, 60, "image", disk_bytes=100 * MB)

    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """How much is free and used, in MB, and how often it was counted."""
        told = {"free": 1000, "used": 0, "counts": 0}

        async def counted(spec: DockerSpec) -> Usage:
            await asyncio.sleep(0)
            told["counts"] += 1
            return Usage(told["used"] * MB, 1, True)

        monkeypatch.setattr(quota, "_free", lambda spec: told["free"] * MB)
        monkeypatch.setattr(quota, "_counted", counted)
        return told

    async def test_counts_only_where_the_disk_has_filled(self, spec: DockerSpec, world: dict[str, int]) -> None:
        watch = Watch()
        for free in (1000, 999, 996):
            world["free"] = free
            assert await watch.excess(spec) == ""
        assert world["counts"] == 1

        for free in (990, 989, 5000, 4990):  # what others free hides nothing
            world["free"] = free
            assert await watch.excess(spec) == ""
        assert world["counts"] == 3

    async def test_tells_of_one_that_grows_beyond_its_bound(self, spec: DockerSpec, world: dict[str, int]) -> None:
        watch = Watch()
        assert await watch.excess(spec) == ""

        world.update(free=800, used=101)

        assert (
            await watch.excess(spec) == "The sandbox's files outgrew the 100 MB that they may take, and it was stopped."
        )

    async def test_lets_one_that_was_full_before_tidy_up(self, spec: DockerSpec, world: dict[str, int]) -> None:
        watch = Watch()
        for used, free, is_too_much in ((300, 700, False), (304, 690, False), (200, 680, False), (206, 670, True)):
            world.update(used=used, free=free)
            assert bool(await watch.excess(spec)) is is_too_much, used
        world.update(used=90, free=600)
        assert await watch.excess(spec) == ""
        world.update(used=101, free=500)
        assert await watch.excess(spec) != ""
