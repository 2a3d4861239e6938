"""A deployment of its own for tests: a database that can be stopped and started, and `manage.py` processes on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from config import postgres
from tests import prepared

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60  # whatever is waited for takes a moment on an idle machine


class Deployment:
    def __init__(self, *, is_migrated: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-deployment-"))
        self.place = postgres.place(self.folder)
        if is_migrated:
            prepared.fill(self.folder)
        self.lease = postgres.start(self.place, is_throwaway=True)
        self.processes: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("SLIPWAY_", "DATABASE_", "DJANGO_"))
        }
        address = f"postgresql://slipway@/slipway?host={self.place.socket_dir}"
        return {**kept, "DATABASE_URL": address, "SLIPWAY_DATA_DIR": str(self.folder), "SLIPWAY_LISTEN": "127.0.0.1:0"}

    def manage(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, "manage.py", *arguments]
        environment = {**self.environment, **extra}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=2 * PATIENCE_S
        )

    def serve(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start a server and wait until it says that it is ready."""
        log = (self.folder / f"serve-{len(self.processes)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", *arguments],
            cwd=ROOT,
            env={**self.environment, **extra},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        self.processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "ready" in line, Path(log.name).read_text()
        return process

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("serve-*.log")))

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.place.dsn()) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def stop_database(self) -> None:
        self.lease.release()

    def start_database(self) -> None:
        self.lease = postgres.start(self.place, is_throwaway=True)

    def stop_processes(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        self.processes.clear()

    def remove(self) -> None:
        self.stop_processes()
        self.lease.release()
        shutil.rmtree(self.place.root, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def eventually(condition: Any, timeout_s: float = PATIENCE_S) -> bool:
    """Whether `condition()` comes true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False
