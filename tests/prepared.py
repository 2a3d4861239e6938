"""A migrated database to begin with: made once a run, and copied for each server that a test starts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from config import postgres

ROOT = Path(__file__).resolve().parents[1]
ORIGINAL = "PREPARED_DATABASE"  # the data folder of the one that is copied; all workers of a run inherit it


def fill(data_dir: Path) -> None:
    """Give a data folder without database a migrated one, whose server does not run yet."""
    if ORIGINAL not in os.environ:
        _migrate(data_dir)
        return
    source, target = postgres.place(_original()).root, postgres.place(data_dir).root
    target.mkdir(parents=True, exist_ok=True, mode=0o755)
    for programs in source.glob("programs-*"):
        shutil.copytree(programs, target / programs.name, symlinks=True, copy_function=os.link)
    subprocess.run(["cp", "-a", source / "pgdata", target / "pgdata"], check=True)


def _original() -> Path:
    """Made by whoever comes first."""
    folder = Path(os.environ[ORIGINAL])
    folder.mkdir(exist_ok=True)
    with _locked(folder):
        if not (folder / "done").exists():
            _migrate(folder)
            (folder / "done").touch()
    return folder


def _migrate(data_dir: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SLIPWAY_", "DATABASE_"))}
    environment |= {"SLIPWAY_DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
