"""The real SSH server, on a loopback port with keys and a configuration of its own, for whoever runs the tests."""

from __future__ import annotations

import atexit
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import asyncssh

from sandbox.spec import SshAccount
from sandbox.ssh.keys import HostKey

# Of each keyword the first line counts.
CONFIG = """
{more}
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
LogLevel VERBOSE
Subsystem {subsystem}
PermitUserEnvironment no
SetEnv HOME={folder}/home PATH={path}
"""


class Sshd:
    """One server; it may be killed with all its connections, and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        more: str = "",
        path: str = "/usr/local/bin:/usr/bin:/bin",
        subsystem: str = "sftp internal-sftp",
    ) -> None:
        self.folder = folder
        self._settings = {"folder": folder, "more": more, "path": path, "subsystem": subsystem}
        self.port = _free_port()
        client = asyncssh.generate_private_key("ssh-ed25519")
        self.private_key = client.export_private_key().decode()
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        (folder / "home").mkdir()  # so that nothing of the developer's own account takes part
        (folder / "authorized_keys").write_bytes(client.export_public_key())
        self.change_host_key()

    def change_host_key(self) -> None:
        """Another machine, as far as anybody can tell."""
        path = self.folder / "host_key"
        path.unlink(missing_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        path.touch(0o600)
        path.write_bytes(key.export_private_key())
        self.host_key = HostKey.of(key)

    @property
    def account(self) -> SshAccount:
        """The account of whoever runs the tests, by a key."""
        return SshAccount(
            host="127.0.0.1",
            port=self.port,
            username=getpass.getuser(),
            host_key=self.host_key.text,
            private_key=self.private_key,
        )

    def start(self) -> None:
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None, "openssh-server is not installed"
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(CONFIG.format(port=self.port, **self._settings))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        for _ in range(500):
            if (self.folder / "log").read_text().count("Server listening on") > self._starts:
                self._starts += 1
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError((self.folder / "log").read_text())

    def freeze(self) -> None:
        """As if the network led nowhere any more: nothing is answered, nothing is closed."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """The server and every connection that it serves; what was started over them lives on."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        for pid in [self._process.pid, *_children(self._process.pid)]:
            with suppress(ProcessLookupError):  # a connection that has just ended
                os.kill(pid, number)


@contextmanager
def served(folder: Path, more: str = "", **options: str) -> Iterator[Sshd]:
    """A server of one's own, with further lines in its configuration."""
    server = Sshd(folder, more, **options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def account_with_password() -> Iterator[tuple[str, str, Path]]:
    """A new account of this machine, as only root can make one: its name, its password, its home."""
    name, password = f"slipway-{secrets.token_hex(4)}", secrets.token_urlsafe()
    home = Path(tempfile.mkdtemp(prefix="slipway-home-"))
    subprocess.run(["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh", name], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True)
        shutil.chown(home, name)
        yield name, password, home
    finally:
        subprocess.run(["userdel", "--force", name], check=True, stderr=subprocess.DEVNULL)
        shutil.rmtree(home)


def _children(pid: int) -> list[int]:
    """The processes of a server's connections, the privileged one and the one that became the user."""
    found = []
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().startswith("sshd"):
                found += [*_children(int(child)), int(child)]
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@cache
def shared() -> Sshd:
    """One server for all tests of a process, started with the first that needs it."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-sshd-"))
    server = Sshd(folder)
    server.start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)
    return server
