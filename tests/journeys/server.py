"""A real server for journeys: `manage.py serve` with its own data folder, database, worker and gateway."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import forkserver, prepared
from tests.forkserver import Forked
from tests.journeys.patience import IS_CHAOS

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 180
LOG_CHARACTERS = 4000
NEVER_OUTGOING = range(12_000, 32_000)  # Linux takes those of connections from 32768 on
CANARY = "canary-server-environment-5f1c"
# Start it as an operator does, for who looks at what a server was started with or at how much memory it takes.
IN_FULL = {"STARTED_IN_FULL": "1"}


def free_port() -> int:
    """A port that no outgoing connection takes before a server listens there, or while it is being restarted."""
    for port in random.sample(NEVER_OUTGOING, 100):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is left of a server is nobody's
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Server:
    """One `serve` process; `restart` keeps the data."""

    data_dir: Path
    port: int
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_in_full(self) -> bool:
        return IN_FULL.items() <= self.extra.items()

    @property
    def log_path(self) -> Path:
        return self.data_dir / "serve.log"

    def environment(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("SLIPWAY_", "DATABASE_", "DJANGO_"))
        }
        ours = {
            "SLIPWAY_DATA_DIR": str(self.data_dir),
            "SLIPWAY_LISTEN": f"127.0.0.1:{self.port}",
            "SLIPWAY_BASE_URL": self.url,
            "SLIPWAY_DEBUG": "1",
            "SLIPWAY_PREWARM": "0",  # a page that is only looked at starts no agent here
            "SLIPWAY_AGENT_IDLE_S": "90",  # the agents of many journeys take 140 MB each, and are never quite idle
            "SECRET_CANARY": CANARY,
        }
        if not self.is_in_full:
            ours["DJANGO_SETTINGS_MODULE"] = "tests.served"
        return {**kept, **ours, **self.extra}

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment(), check=True, capture_output=True
        )

    def spawn(self, log_path: Path, *arguments: str) -> subprocess.Popen[bytes] | Forked:
        """`manage.py <arguments>`, which goes on beside us."""
        with log_path.open("ab") as log:
            if not self.is_in_full:
                return forkserver.start(arguments, env=self.environment(), stdout=log, stderr=log)
            command = [sys.executable, "manage.py", *arguments]
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            return subprocess.Popen(command, cwd=ROOT, env=self.environment(), **streams)

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        self.process = self.spawn(self.log_path, "serve")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.logs()}")
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def logs(self) -> str:
        """The end of what it wrote."""
        return self.log_path.read_text(errors="replace")[-LOG_CHARACTERS:] if self.log_path.exists() else ""

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextlib.contextmanager
def running(data_dir: Path | None = None, **extra: str) -> Iterator[Server]:
    """A migrated, started server, or with `--cluster` many processes; everything it made is gone afterwards."""
    if os.environ.get("JOURNEYS") in ("cluster", "chaos"):
        from tests.journeys.cluster import cluster

        with cluster(2, 2, data_dir=data_dir, taps_database=False, **extra) as whole, disturbed(whole):
            yield whole
        return
    data_dir = data_dir or Path(tempfile.mkdtemp(prefix="slipway-journey-"))
    server = Server(data_dir, free_port(), extra)
    try:
        prepared.fill(data_dir)
        server.start()
        yield server
    finally:
        if server.is_running:
            server.stop()
        end_sandboxes(data_dir)
        _remove_database(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)


@contextlib.contextmanager
def disturbed(whole: Any) -> Iterator[None]:
    """With `JOURNEYS=chaos` one process after another dies and returns; at the end all sessions are looked at."""
    if not IS_CHAOS:
        yield
        return
    from tests.faults.aftermath import assert_aftermath
    from tests.faults.killing import killing, say

    seed, every_s = int(os.environ.get("FAULT_SEED", "0")), float(os.environ.get("CHAOS_EVERY_S", "20"))
    with killing(whole, seed=seed, every_s=every_s) as reigning:
        yield
    say(f"seed {seed}: killed {dict(reigning.deaths)}; {assert_aftermath(whole)} sessions are in order")


def end_sandboxes(data_dir: Path) -> None:
    """Sandboxes outlive the server by design; a test ends those of its own data folder."""
    mark, own_view = os.fsencode(data_dir), os.readlink("/proc/self/ns/mnt")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_confined = os.readlink(entry / "ns/mnt") != own_view  # then its mounts tell whose it is
            if mark in (entry / ("mountinfo" if is_confined else "cmdline")).read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def _remove_database(data_dir: Path) -> None:
    from config import postgres

    shutil.rmtree(postgres.place(data_dir).root, ignore_errors=True)
