"""The guest's archive is the same for the same source, and made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sandbox import guest_archive


class TestGuestArchive:
    def test_is_the_same_in_every_process(self) -> None:
        code = "import hashlib, sandbox.guest_archive as g; print(hashlib.sha256(g.archive_bytes()).hexdigest())"

        made = {
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
            ).stdout
            for seed in ("1", "2")
        }

        assert len(made) == 1

    def test_is_written_once_and_read_only(self, tmp_path: Path) -> None:
        first = guest_archive.guest_archive(tmp_path / "cache")
        written_at = first.stat().st_mtime_ns

        second = guest_archive.guest_archive(tmp_path / "cache")

        assert (second, second.stat().st_mtime_ns) == (first, written_at)
        assert first.stat().st_mode & 0o777 == 0o444
        assert [path.name for path in first.parent.iterdir()] == [first.name]
