"""dockerd in a folder of its own, which may be ended and started again."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

# What gVisor of this version needs where the kernel gives it no better platform. With "all" the guest's socket can be
# reached from outside, with "open" only the gateway's from inside.
RUNSC = ["--platform=ptrace", "--network=none", "--host-uds=all"]
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Daemon:
    """One dockerd with its containerd; everything of it lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, **settings: Any) -> None:
        """Start it, set otherwise than usual, and wait until it answers. Raises: RuntimeError (the end of its log)."""
        (self.folder / "daemon.json").write_text(json.dumps(self._config() | settings))
        with (self.folder / "log").open("ab") as log:
            command = ["dockerd", "--config-file", str(self.folder / "daemon.json"), "--group", str(os.getegid())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError):
                if self.ask("GET", "/_ping")[0] == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"dockerd did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """One request; the status and what came with it."""
        connection = _Connection(self.socket)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def import_image(self, archive: Path, name: str) -> None:
        """`docker import`. Raises: RuntimeError."""
        repository, _, tag = name.partition(":")
        with archive.open("rb") as file:
            headers = {"Content-Type": "application/x-tar", "Content-Length": str(archive.stat().st_size)}
            status, said = self.ask("POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}", file, headers)
        if status != 200 or b'"error"' in said:
            raise RuntimeError(f"The image could not be imported: {said.decode()[-500:]}")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End dockerd as a crash would; its containers and their shims are left to themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        # Its containerd dies with it, and by the next start the number in the file may be that of another program.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Remove every container, end dockerd and what it started."""
        if self._process is None:
            return
        with suppress(OSError, ValueError):
            for container in json.loads(self.ask("GET", "/containers/json?all=true")[1]):
                self.ask("DELETE", f"/containers/{container['Id']}?force=true&v=true")
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Stop it, take away what it mounted and its folder."""
        self.stop()
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for place in sorted((place for place in mounts if place.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def left(self) -> list[int]:
        """Processes that were started for this folder: containerd and the shims of containers."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and str(self.folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return [pid for pid in found if pid != os.getpid()]

    def _config(self) -> dict[str, Any]:
        return {
            "bridge": "none",
            "iptables": False,
            "runtimes": {
                "runsc": {"path": shutil.which("runsc"), "runtimeArgs": RUNSC},
                "runsc-shut": {"path": shutil.which("runsc"), "runtimeArgs": [*RUNSC[:-1], "--host-uds=open"]},
            },
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "exec"),
            "pidfile": str(self.folder / "docker.pid"),
            "hosts": [self.url],
            "log-level": "warn",
        }
