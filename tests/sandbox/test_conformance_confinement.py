"""Every kind of sandbox that confines does so alike: no secret, no process, no network, one way out."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from sandbox import Mount, Sandbox
from sandbox.errors import SandboxRefused
from tests.sandbox.backends import Maker
from tests.sandbox.waiting import until

pytestmark = pytest.mark.needs("confine")


async def sh(made: Sandbox, script: str, timeout_s: float = 60) -> str:
    """What a script says, errors included."""
    result = await made.guest.run(["sh", "-c", f"exec 2>&1; {script}"], timeout_s=timeout_s)
    return result.stdout.decode(errors="replace")


async def python(made: Sandbox, script: str) -> str:
    result = await made.guest.run(["python3", "-c", script])
    return (result.stdout + result.stderr).decode()


@contextmanager
def served(path: Path) -> Iterator[None]:
    """A unix socket that says hello to whoever connects."""

    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello from outside\n")
        writer.close()

    server = asyncio.get_running_loop().create_task(asyncio.start_unix_server(hello, path))
    yield
    server.result().close()


async def is_served(path: Path) -> None:
    """Wait for the socket, and let every user in, as the gateway does."""
    await until(partial(asyncio.to_thread, path.exists))
    await asyncio.to_thread(path.chmod, 0o666)


CONNECT = "import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); print(s.recv(100))"


class TestSecrets:
    async def test_shows_no_canary_of_the_server_anywhere(
        self, maker: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        canary = f"canary-{secrets.token_hex(8)}"
        monkeypatch.setenv("SLIPWAY_SECRET_KEY", canary)
        os.environ["SLIPWAY_CANARY"] = canary
        (maker.folder / "secret.txt").write_text(canary)
        (tmp_path / "secret.txt").write_text(canary)
        try:
            made = await maker.open()
        finally:
            del os.environ["SLIPWAY_CANARY"]
        await made.guest.start_agent("run", ["sleep", "60"])
        halves = f"'{canary[:10]}''{canary[10:]}'"

        places = "/etc /home /run /tmp /workspace /opt /dev/shm /var /root /srv /mnt"

        found = await sh(
            made,
            f'c={halves}; env | grep -c "$c";'
            # First into a file: grep would find the canary on its own command line.
            "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > /tmp/seen 2>/dev/null;"
            'grep -ac "$c" /tmp/seen;'
            f'grep -rlas "$c" {places} 2>/dev/null; echo end',
        )

        assert found.split() == ["0", "0", "end"]

    async def test_gives_its_first_process_no_variables_of_the_server(self, maker: Maker) -> None:
        made = await maker.open()

        variables = await sh(made, "tr '\\0' '\\n' < /proc/1/environ | cut -d= -f1")

        assert set(variables.split()) <= {"PWD", "PATH", "HOSTNAME", "HOME"}

    async def test_knows_the_user_by_name(self, maker: Maker) -> None:
        made = await maker.open()
        home = (await made.guest.paths()).home

        assert await sh(made, "id -un; getent passwd $(id -u) | cut -d: -f6") == f"agent\n{home}\n"

    async def test_knows_authorities(self, maker: Maker) -> None:
        made = await maker.open()

        assert int(await python(made, "import ssl; print(len(ssl.create_default_context().get_ca_certs()))")) > 50

    async def test_has_a_system_that_cannot_be_written(self, maker: Maker) -> None:
        made = await maker.open()

        for place in ("/", "/usr/bin", "/etc", "/etc/passwd", "/dev", "/run/slipway", "/run/slipway/guest.pyz", "/opt"):
            said = await sh(
                made, f"if [ -d {place} ]; then touch {place}/x; else echo x >> {place}; fi && echo WRITTEN"
            )
            assert "WRITTEN" not in said, place
        said = await sh(made, "for d in /tmp ~ /workspace /dev/shm; do touch $d/x && echo ok; done")
        assert said.split() == ["ok"] * 4


class TestProcesses:
    async def test_sees_only_its_own(self, maker: Maker) -> None:
        made, other = await maker.open(), await maker.open()
        await other.guest.start_agent("run", ["sleep", "4730"])

        listing = await sh(made, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")

        assert "4730" not in listing
        assert str(os.getpid()) not in (await sh(made, "ls /proc")).split()

    async def test_has_no_privileges_and_gets_none(self, maker: Maker) -> None:
        made = await maker.open()

        rights = await sh(made, "grep -E '^Cap' /proc/self/status | cut -f2")
        assert set(rights.split()) == {"0" * 16}
        assert await python(made, "import ctypes; print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))") == "1\n"
        attempts = ["unshare -n true", "mount -t tmpfs none /tmp", "chroot / true", "nsenter -t 1 -m"]
        if not made.capabilities.has_own_kernel:
            attempts.append("unshare -Ur true")
        for attempt in attempts:
            assert "PASSED" not in await sh(made, f"{attempt} && echo PASSED"), attempt

    async def test_shares_no_memory_or_messages_with_another(self, maker: Maker) -> None:
        made, other = await maker.open(), await maker.open()
        await sh(made, "ipcmk -M 4096; ipcmk -Q; touch /dev/shm/mine /tmp/mine")

        assert "0x" not in await sh(other, "ipcs -m -q")
        assert "mine" not in await sh(other, "ls /dev/shm /tmp")

    async def test_has_limits(self, maker: Maker) -> None:
        made = await maker.open()

        assert (await sh(made, "ulimit -c; ulimit -Hc")).split() == ["0", "0"]
        assert (await sh(made, "ulimit -f")).strip() != "unlimited"
        assert int(await sh(made, "ulimit -n")) <= 65536


class TestNetwork:
    async def test_is_closed(self, maker: Maker) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            made = await maker.open()

            said = await python(made, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")

        assert "ConnectionRefusedError" in said
        names = await sh(made, "cat /proc/net/dev | tail -n +3 | cut -d: -f1")
        assert names.split() == ["lo"]
        assert "rror" in await python(made, "import socket; socket.create_connection(('192.0.2.1', 80), 2)")
        assert (await sh(made, "cat /proc/net/unix | grep -c @")).strip() == "0"

    async def test_has_a_loopback_of_its_own(self, maker: Maker) -> None:
        made = await maker.open()

        said = await python(
            made,
            "import socket; s = socket.create_server(('127.0.0.1', 0));"
            "c = socket.create_connection(s.getsockname()); s.accept()[0].send(b'up'); print(c.recv(9))",
        )

        assert said == "b'up'\n"

    async def test_reaches_the_gateway_and_no_other_socket(self, maker: Maker) -> None:
        with tempfile.TemporaryDirectory() as folder:
            gateway, other = Path(folder) / "gateway", Path(folder) / "other"
            gateway.mkdir()
            other.mkdir()
            made = await maker.open(gateway_dir=gateway)
            paths = await made.guest.paths()
            # Made after the sandbox, as a gateway that was restarted would.
            with served(gateway / "api.sock"), served(other / "api.sock"):
                await is_served(gateway / "api.sock")

                assert "hello from outside" in await python(made, CONNECT.format(path=paths.gateway_socket))
                assert "FileNotFoundError" in await python(made, CONNECT.format(path=str(other / "api.sock")))
            found = await sh(made, "find / -type s -not -path '/proc/*' 2>/dev/null")

        # Where the guest has a socket inside, who connects to it is the agent, and so is the guest.
        assert [path for path in found.split() if not path.endswith("/guest.sock")] == [paths.gateway_socket]


@pytest.mark.needs("mount")
class TestMounts:
    async def test_shows_a_folder_read_only(self, maker: Maker) -> None:
        source = maker.folder / "tools"
        source.mkdir()
        (source / "tool").write_text("x")

        made = await maker.open(mounts=(Mount(source, "/opt/tools"),))

        assert await sh(made, "cat /opt/tools/tool; touch /opt/tools/y || echo; ls /opt/tools") != ""
        assert not (source / "y").exists()

    async def test_refuses_links_and_places_of_others(self, maker: Maker) -> None:
        (maker.folder / "real" / "sub").mkdir(parents=True)
        (maker.folder / "link").symlink_to(maker.folder / "real")
        (maker.folder / "open").mkdir()
        (maker.folder / "open").chmod(0o777)
        (maker.folder / "foreign").mkdir()
        os.chown(maker.folder / "foreign", 12345, 12345)

        for source in ("link", "link/sub", "real/../real", "missing", "open", "foreign"):
            with pytest.raises(SandboxRefused):
                await maker.open(mounts=(Mount(maker.folder / source, "/opt/x"),))
        with pytest.raises(SandboxRefused):
            await maker.open(mounts=(Mount(maker.folder / "real", "opt/../x"),))
        with pytest.raises(SandboxRefused):
            await maker.open(gateway_dir=maker.folder / "link")
