"""Several servers as one: web and worker processes on one PostgreSQL and one Redis, behind one address."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from config import postgres
from tests import prepared
from tests.journeys import server as servers
from tests.journeys.relay import Relay
from tests.journeys.server import Server, free_port

WORKER_IS_READY = b"Slipway worker is ready"
START_TIMEOUT_S = 180  # several processes start at once


@dataclass
class Node(Server):
    """One process of a cluster: a web without worker, or a worker without web."""

    name: str = ""
    origin: str = ""  # what browsers know the cluster by

    @property
    def is_web(self) -> bool:
        return self.name.startswith("web")

    @property
    def own_log(self) -> Path:
        """Webs share one log, in which mail shows; each worker has its own."""
        return self.log_path if self.is_web else self.data_dir / f"{self.name}.log"

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "SLIPWAY_BASE_URL": self.origin or self.url, **self.extra}

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the process without waiting for it."""
        self._log_size = self.own_log.stat().st_size if self.own_log.exists() else 0
        self.process = self.spawn(self.own_log, "serve", "--no-worker" if self.is_web else "--no-web")

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.own_log.read_text()[-4000:]}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        return super()._is_ready() if self.is_web else WORKER_IS_READY in self.own_log.read_bytes()[self._log_size :]

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


@dataclass
class Redis:
    """A `redis-server` that keeps nothing: each start is an empty one."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--dir", str(self.folder)], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, "redis ended"
            assert time.monotonic() < deadline, "redis does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@dataclass
class Cluster(Server):
    """All of it. As a `Server` it is the address in front, whose connections go to the webs in turn."""

    webs: list[Node] = field(default_factory=list)
    workers: list[Node] = field(default_factory=list)
    redis: Redis = field(init=False)
    redis_line: Relay = field(init=False)  # between the processes and Redis
    database_line: Relay | None = None  # between the processes and PostgreSQL, where a test wants one
    lease: postgres.Lease | None = None
    # A throw-away PostgreSQL dies with the thread that started it: one that lives as long as the cluster.
    keeper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def nodes(self) -> list[Node]:
        return [*self.webs, *self.workers]

    @property
    def place(self) -> postgres.Place:
        return postgres.place(self.data_dir)

    @property
    def is_running(self) -> bool:
        return all(node.is_running for node in self.nodes)

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self.extra}

    def start(self) -> None:
        for node in self.nodes:
            if not node.is_running:
                node.launch()
        for node in self.nodes:
            node.wait_ready()
        self.process = self.webs[0].process

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """End every process; 0 when each left in order."""
        for node in self.nodes:
            if node.is_running and node.process is not None:
                node.process.send_signal(signal_number)
        return max(abs(node.stop(signal_number)) for node in self.nodes if node.process is not None)

    def logs(self) -> str:
        """The end of what each process wrote."""
        paths = sorted({node.own_log for node in self.nodes})
        return "\n".join(f"== {path.name}\n{path.read_text()[-4000:]}" for path in paths if path.exists())

    # What may fail

    def kill_database(self) -> None:
        """kill -9 of PostgreSQL; what was committed is on disk."""
        pid = int((self.place.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def start_database(self) -> None:
        new = self.keeper.submit(postgres.start, self.place, is_throwaway=True).result()
        if self.lease is not None:
            self.lease.users.close()
        self.lease = new


@contextlib.contextmanager
def cluster(
    webs: int = 2, workers: int = 2, *, data_dir: Path | None = None, taps_database: bool = False, **extra: str
) -> Iterator[Cluster]:
    """A started cluster; everything it made is gone afterwards.

    Args:
        taps_database: reach PostgreSQL through a relay, `database_line`, which slows it a little.
        extra: environment variables for every process.
    """
    data_dir = data_dir or Path(tempfile.mkdtemp(prefix="slipway-cluster-"))
    whole = Cluster(data_dir, 0, dict(extra))
    with contextlib.ExitStack() as stack:
        stack.callback(_clear_away, whole)
        prepared.fill(data_dir)
        whole.lease = postgres.start(whole.place, is_throwaway=True)
        whole.redis = Redis(data_dir)
        whole.redis.start()
        whole.redis_line = stack.enter_context(Relay(("127.0.0.1", whole.redis.port)))
        address = f"postgresql://{postgres.ROLE}@/{postgres.DATABASE}?host={whole.place.socket_dir}"
        if taps_database:
            whole.database_line = stack.enter_context(Relay(whole.place.socket_dir / ".s.PGSQL.5432"))
            address = f"postgresql://{postgres.ROLE}@127.0.0.1:{whole.database_line.port}/{postgres.DATABASE}"
        whole.extra |= {"DATABASE_URL": address, "REDIS_URL": f"redis://127.0.0.1:{whole.redis_line.port}"}
        ports = [free_port() for _ in range(webs)]
        front = stack.enter_context(Relay(*(("127.0.0.1", port) for port in ports)))
        whole.port = front.port
        whole.webs = [
            Node(data_dir, port, whole.extra, name=f"web-{number}", origin=whole.url)
            for number, port in enumerate(ports, 1)
        ]
        whole.workers = [
            Node(data_dir, 0, whole.extra, name=f"worker-{number}", origin=whole.url)
            for number in range(1, workers + 1)
        ]
        whole.start()
        try:
            yield whole
        finally:
            _stop(whole)


def _stop(whole: Cluster) -> None:
    if any(node.is_running for node in whole.nodes):
        whole.stop()


def _clear_away(whole: Cluster) -> None:
    for node in whole.nodes:
        if node.is_running:
            node.kill()
    if getattr(whole, "redis", None) is not None and whole.redis.process is not None:
        whole.redis.kill()
    servers.end_sandboxes(whole.data_dir)
    if whole.lease is not None:
        whole.lease.release()
    whole.keeper.shutdown()
    shutil.rmtree(whole.place.root, ignore_errors=True)
    shutil.rmtree(whole.data_dir, ignore_errors=True)
