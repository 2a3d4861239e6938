"""A Docker engine of the tests' own: one for a whole run, made when it is first asked for or in the background.

It has its own folder, socket and data, runs runc and gVisor, and goes away with the run that wanted it, even a killed
one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = "SLIPWAY_TEST_ENGINE"  # names the run's folder to its workers
OWNER = "SLIPWAY_TEST_ENGINE_OWNER"
IMAGE = "slipway-sandbox:test"
PROGRAMS = ("dockerd", "containerd", "runc", "runsc", "debootstrap")
READY_TIMEOUT_S = 300.0  # the image is bootstrapped the first time
POLL_S = 0.05


class EngineMissing(Exception):
    """There can be no engine here; the message says why."""


@dataclass(frozen=True)
class Engine:
    """Where the engine listens, and what its containers are made of."""

    folder: Path

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def image(self) -> str:
        return IMAGE


def why_not() -> str:
    """Why this machine cannot have one; empty when it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"There is no {', '.join(missing)} here; `python3 dev test` installs what the tests need."
    return "" if os.geteuid() == 0 else "Only root can start a Docker engine."


def prepare() -> None:
    """Begin to make it, without waiting."""
    folder = Path(os.environ[FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "holder").exists():
            return
        with (folder / "holder.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.engine.hold", str(folder), os.environ[OWNER]]
            holder = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
            )
        (folder / "holder").write_text(str(holder.pid))
        holder.returncode = 0  # it outlives this process when another one began the run


def ready() -> Engine:
    """The run's engine, once it answers and has the image. Raises: EngineMissing."""
    if reason := why_not():
        raise EngineMissing(reason)
    prepare()
    folder = Path(os.environ[FOLDER])
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if (folder / "state").exists():
            state = json.loads((folder / "state").read_text())
            if state["error"]:
                raise EngineMissing(state["error"])
            return Engine(folder)
        time.sleep(POLL_S)
    raise EngineMissing(f"The engine was not ready in {READY_TIMEOUT_S:.0f} s: {(folder / 'holder.log').read_text()}")


def required() -> Engine:
    """The run's engine; without one the test is skipped, which counts as failed where the project's machine runs it."""
    try:
        return ready()
    except EngineMissing as error:
        pytest.skip(str(error))
