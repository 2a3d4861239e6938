"""What bounds a local sandbox, and that it says so itself."""

from __future__ import annotations

import os

import pytest

from sandbox import limits
from tests.sandbox.backends import LocalMaker, Maker


class TestBoundsProcesses:
    @pytest.mark.parametrize(
        ("release", "uid", "holds"),
        [
            ("6.1.0-13-amd64", 1000, True),
            ("5.14.0", 1000, True),
            ("5.10.0-28", 1000, False),
            ("6.1.0", 0, False),
            ("odd", 1000, False),
        ],
    )
    def test_goes_by_kernel_and_user(
        self, monkeypatch: pytest.MonkeyPatch, release: str, uid: int, holds: bool
    ) -> None:
        monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", release, "", "")))
        monkeypatch.setattr(os, "geteuid", lambda: uid)

        assert limits.bounds_processes() is holds
        assert ("processes" in limits.in_force(is_confined=True)) is holds
        assert "processes" not in limits.in_force(is_confined=False)


class TestInForce:
    async def test_is_what_a_command_inside_sees(self, maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "bounds_processes", lambda: True)
        made = await maker.open()

        seen = await made.guest.run(["bash", "-c", "ulimit -f; ulimit -n; ulimit -u"])
        file_blocks, open_files, processes = seen.stdout.decode().split()

        assert (int(file_blocks) * 1024, int(open_files)) <= (16 * 2**30, 65536)
        assert "file size" in made.capabilities.limits
        if type(maker) is LocalMaker:
            assert (processes, "processes" in made.capabilities.limits) == (str(limits.MAX_PROCESSES), True)
