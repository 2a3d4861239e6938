"""Early pytest plugin: names the run's engine before there are workers; a large run has it made in the background."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import engine

STOP_S = 30.0


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or engine.FOLDER in os.environ:
        return
    begun()
    is_whole_run = bool(getattr(config.option, "numprocesses", None)) and not config.option.collectonly
    if is_whole_run and not engine.why_not():
        engine.prepare()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        ended()


def begun() -> None:
    """Name the folder of this process's engine, for itself and for what it starts."""
    os.environ[engine.FOLDER] = tempfile.mkdtemp(prefix="slipway-engine-")
    os.environ[engine.OWNER] = str(os.getpid())


def ended() -> None:
    """Take the engine away, if it is this process's."""
    if os.environ.get(engine.OWNER) != str(os.getpid()):
        return
    folder = Path(os.environ.pop(engine.FOLDER))
    del os.environ[engine.OWNER]
    with suppress(FileNotFoundError, ProcessLookupError):
        holder = int((folder / "holder").read_text())
        os.kill(holder, signal.SIGTERM)
        for _ in range(int(STOP_S / engine.POLL_S)):
            if not folder.exists():
                return
            time.sleep(engine.POLL_S)
    shutil.rmtree(folder, ignore_errors=True)
