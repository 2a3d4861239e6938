"""What only the SSH kind has: one connection, a pinned key, a gateway that is led there, a network that breaks."""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import sandbox
from sandbox import Phase, Sandbox
from sandbox.errors import BackendUnavailable, SandboxError, SandboxGone, Unreachable
from sandbox.spec import SshAccount, SshSpec
from sandbox.ssh import ways
from sandbox.ssh.commands import archive_name, ask
from sandbox.ssh.dialing import HostKeyChanged, SignInRefused, fetch_host_key
from sandbox.ssh.keys import HostKey
from sandbox.ssh.lines import lines
from tests import sshd
from tests.sandbox.test_conformance_agents import read_until
from tests.sandbox.waiting import until

CONNECT = "import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r}); print(s.recv(100))"


OUTAGE_S = 2.0  # a minute was tried by hand


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the path of a socket below it has to fit into its address."""
    with tempfile.TemporaryDirectory(prefix="slipway-ssh-") as path:
        yield Path(path)


@pytest.fixture
def server(folder: Path) -> Iterator[sshd.Sshd]:
    """A server of the test's own, to be killed or to become another machine."""
    (folder / "sshd").mkdir()
    with sshd.served(folder / "sshd") as started:
        yield started


def spec_on(account: SshAccount, folder: Path, **fields: Any) -> SshSpec:
    name = uuid.uuid4().hex
    defaults: dict[str, Any] = {"work_dir": str(folder / "w"), "gateway_dir": None, "lifetime_s": 600}
    return SshSpec(machine_id=name, deployment="tests", account=account, folder=name, **(defaults | fields))


async def _read_to(made: Sandbox, needle: bytes) -> bytes:
    """An agent's output up to and with the needle, however long that takes."""
    seen = b""
    async with aclosing(made.guest.read_agent("run", 0)) as stream:
        async for data in stream:
            seen += data
            if needle in seen:
                return seen
    raise AssertionError(seen)


async def python(made: Sandbox, script: str) -> str:
    result = await made.guest.run(["python3", "-c", script])
    return (result.stdout + result.stderr).decode()


class Greeter:
    """A gateway that says its name to whoever connects."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder, self._name = folder, name

    async def __aenter__(self) -> Greeter:
        self._server = await asyncio.start_unix_server(self._greet, self.folder / "api.sock")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _greet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._name.encode())
        writer.close()


class TestHostKey:
    async def test_is_told_to_be_compared(self, server: sshd.Sshd) -> None:
        key = await fetch_host_key("127.0.0.1", server.port)

        told = await asyncio.create_subprocess_exec(
            "ssh-keygen", "-lf", str(server.folder / "host_key"), stdout=subprocess.PIPE
        )
        assert key.text == server.host_key.text
        assert key.fingerprint in (await told.communicate())[0].decode()

    async def test_that_has_changed_is_refused_with_both_fingerprints(self, server: sshd.Sshd, folder: Path) -> None:
        spec = spec_on(server.account, folder)
        approved = server.host_key
        server.kill()
        server.change_host_key()
        server.start()

        with pytest.raises(HostKeyChanged) as caught:
            await sandbox.open_sandbox(spec)

        assert approved.fingerprint in caught.value.message
        assert server.host_key.fingerprint in caught.value.message
        assert "approve its new key" in caught.value.message
        assert not (folder / "w").exists()
        assert "Accepted" not in (server.folder / "log").read_text()

    async def test_of_another_kind_is_no_way_around(self, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd") as server:
            other = HostKey.of(asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
            account = replace(server.account, host_key=other.text)

            with pytest.raises(HostKeyChanged, match="instead of"):
                await sandbox.open_sandbox(spec_on(account, folder))

    async def test_is_asked_of_machines_that_are_not_there(self, server: sshd.Sshd) -> None:
        server.kill()

        with pytest.raises(Unreachable, match="nothing listens there"):
            await fetch_host_key("127.0.0.1", server.port)
        with pytest.raises(Unreachable, match="no machine of that name"):
            await fetch_host_key("no-such-machine.invalid", 22)
        with pytest.raises(Unreachable, match="private network"):
            await fetch_host_key("127.0.0.1", server.port, must_be_public=True)


class TestSignIn:
    async def test_with_a_key_that_the_machine_does_not_know(self, folder: Path) -> None:
        stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
        account = replace(sshd.shared().account, private_key=stranger)

        with pytest.raises(SignInRefused, match="does not accept this key"):
            await sandbox.open_sandbox(spec_on(account, folder))

        assert not (folder / "w").exists()

    async def test_with_a_password(self, folder: Path) -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        async with await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[key],
            server_factory=_PasswordServer,
            process_factory=_ran,
            encoding=None,
            sftp_factory=True,
        ) as server:
            port = server.get_port()
            account = SshAccount("127.0.0.1", port, "agent", HostKey.of(key).text, password="correct horse")
            request = {"verb": "check"}
            assert (await ask(account, str(folder / "w"), request))["git"].startswith("git version")
            with pytest.raises(SignInRefused, match="does not accept this password for agent"):
                await ask(replace(account, password="wrong"), str(folder / "w"), request)
            await lines().close()  # else the server would wait for us

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can make an account")
    @pytest.mark.parametrize("ways", [("KbdInteractive",), ("Password", "KbdInteractive")])
    async def test_with_a_password_that_the_system_checks(self, folder: Path, ways: tuple[str, ...]) -> None:
        (folder / "sshd").mkdir()
        os.chmod(folder, 0o755)
        with sshd.account_with_password() as (name, password, home):
            more = [f"{way}Authentication yes" for way in ways]
            more += ["UsePAM yes", f"SetEnv HOME={home} PATH=/usr/bin:/bin"]
            with sshd.served(folder / "sshd", "\n".join(more)) as server:
                account = SshAccount("127.0.0.1", server.port, name, server.host_key.text, password=password)
                spec = spec_on(account, folder, work_dir="~/work")

                made = await sandbox.open_sandbox(spec)
                said = await made.guest.run(["id", "-un"])
                await made.destroy()
                with pytest.raises(SignInRefused, match=f"does not accept this password for {name}"):
                    await sandbox.open_sandbox(replace(spec, account=replace(account, password="wrong")))

                assert said.stdout.decode().strip() == name
                assert list((home / "work").iterdir()) == [home / "work/.guest"]
                await lines().close()

    async def test_shows_secrets_to_nobody(self) -> None:
        account = replace(sshd.shared().account, password="correct horse")

        assert "horse" not in repr(account)
        assert "PRIVATE" not in repr(account)


class _PasswordServer(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("agent", "correct horse")


async def _ran(process: asyncssh.SSHServerProcess[bytes]) -> None:
    local = await asyncio.create_subprocess_shell(process.command or "", stdout=subprocess.PIPE)
    output, _ = await local.communicate()
    process.stdout.write(output)
    process.exit(local.returncode or 0)


class TestMachine:
    """What can be wrong with a machine: each is one sentence that says what to do."""

    @pytest.mark.parametrize(
        ("program", "said"),
        [
            ("", "has no python3. Install Python 3.8 or later"),
            ("exit 127", "has no python3. Install Python 3.8 or later"),
            ("echo This account is closed. >&2; exit 1", "cannot run commands on 127.0.0.1: This account is closed."),
            (
                "exec /usr/bin/python3 -c 'import sys; sys.version_info = 3, 6, 9; exec(sys.argv.pop(1))' \"$6\" $7 $8",
                "has Python 3.6.9, which is too old. Install Python 3.8 or later",
            ),
        ],
    )
    async def test_without_a_python_that_fits(self, folder: Path, program: str, said: str) -> None:
        (folder / "sshd").mkdir()
        (folder / "bin").mkdir()
        if program:
            (folder / "bin/python3").write_text(f"#!/bin/sh\n{program}\n")
            (folder / "bin/python3").chmod(0o755)
        with (
            sshd.served(folder / "sshd", path=str(folder / "bin")) as server,
            pytest.raises(BackendUnavailable) as caught,
        ):
            await sandbox.open_sandbox(spec_on(server.account, folder))

        assert said in caught.value.message

    async def test_whose_work_directory_is_not_ours_alone(self, folder: Path) -> None:
        account = sshd.shared().account
        (folder / "open").mkdir()
        (folder / "open").chmod(0o777)
        (folder / "real").mkdir()
        (folder / "link").symlink_to(folder / "real")
        (folder / "file").touch()

        for name, said in (
            ("open", "other accounts may write"),
            ("link", "a link"),
            ("file", "exists"),
            ("x" * 80, "too long"),
        ):
            with pytest.raises(BackendUnavailable, match=said):
                await sandbox.open_sandbox(spec_on(account, folder, work_dir=str(folder / name)))
        with pytest.raises(BackendUnavailable, match="cannot be used"):
            await sandbox.open_sandbox(spec_on(account, folder, work_dir="/proc/slipway"))
        assert list((folder / "real").iterdir()) == []

    async def test_whose_shell_talks_before_anybody_asks(self, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd") as server:
            (folder / "sshd/home/.bashrc").write_text("echo Welcome; echo 'slipway:[]'\n")
            made = await sandbox.open_sandbox(spec_on(server.account, folder))
            assert await made.poll() is Phase.RUNNING
            await made.destroy()

    async def test_without_sftp(self, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with (
            sshd.served(folder / "sshd", subsystem="none internal-sftp") as server,
            pytest.raises(BackendUnavailable, match="Check that the SSH server offers sftp"),
        ):
            await sandbox.open_sandbox(spec_on(server.account, folder))

    async def test_takes_nothing_in_a_name_for_a_command(self, folder: Path) -> None:
        trap = folder / "trap"
        work_dir = str(folder / f"$(touch {trap.name})`id`;'\"")

        made = await sandbox.open_sandbox(spec_on(sshd.shared().account, folder, work_dir=work_dir))
        await made.destroy()

        assert os.listdir(folder) == [work_dir.rpartition("/")[2]]

    async def test_gets_the_guest_once_and_again_when_it_is_not_the_same_any_more(self, folder: Path) -> None:
        first = await sandbox.open_sandbox(spec_on(sshd.shared().account, folder))
        archive = folder / "w/.guest" / archive_name()
        stored = archive.stat()

        second = await sandbox.open_sandbox(spec_on(sshd.shared().account, folder))
        assert archive.stat() == stored
        archive.write_bytes(b"something else")
        third = await sandbox.open_sandbox(spec_on(sshd.shared().account, folder))

        assert archive.stat().st_size == stored.st_size
        assert [path.name for path in archive.parent.iterdir()] == [archive_name()]
        for made in (first, second, third):
            await made.destroy()


class TestConnection:
    async def test_is_one_for_all_sandboxes_of_an_account(self, server: sshd.Sshd, folder: Path) -> None:
        made = [await sandbox.open_sandbox(spec_on(server.account, folder)) for _ in range(3)]

        await asyncio.gather(*(one.guest.run(["sleep", "0.2"]) for one in made for _ in range(10)))

        assert (server.folder / "log").read_text().count("Accepted publickey") == 1
        for one in made:
            await one.destroy()

    async def test_is_another_one_where_the_server_allows_fewer_commands_at_once(self, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd", "MaxSessions 2") as server:
            request = {"verb": "check"}
            await ask(server.account, str(folder / "w"), request)

            found = await asyncio.gather(*(ask(server.account, str(folder / "w"), request) for _ in range(6)))

            assert all(each["git"].startswith("git version") for each in found)

    async def test_that_opens_no_session_is_told_with_what_to_do(self, folder: Path) -> None:
        (folder / "sshd").mkdir()
        with (
            sshd.served(folder / "sshd", "MaxSessions 0") as server,
            pytest.raises(BackendUnavailable, match="Set MaxSessions to 2 or more"),
        ):
            await sandbox.open_sandbox(spec_on(server.account, folder))

    async def test_is_not_begun_anything_on_while_it_says_goodbye(self, server: sshd.Sshd, folder: Path) -> None:
        request = {"verb": "check"}
        await ask(server.account, str(folder / "w"), request)
        line = await lines().main(server.account)

        line._hang_up()

        assert await lines().main(server.account) is not line
        assert (await ask(server.account, str(folder / "w"), request))["git"].startswith("git version")

    async def test_leaves_nothing_of_an_account_behind(self, server: sshd.Sshd, folder: Path) -> None:
        made = await sandbox.open_sandbox(spec_on(server.account, folder, gateway_dir=folder))
        await made.guest.hello()
        assert server.account in lines()._open
        assert len(lines().ways) == 1
        await made.destroy()
        assert not lines().ways
        (await lines().main(server.account)).connection.abort()

        async def is_forgotten() -> bool:
            return server.account not in lines()._open and not lines()._failures

        await until(is_forgotten)


FORBIDDING = ("AllowStreamLocalForwarding no", "DisableForwarding yes", "AllowStreamLocalForwarding no\nMaxSessions 1")


@pytest.mark.parametrize("setting", FORBIDDING)
class TestForbiddenForwarding:
    """A server that leads to no sockets, neither there nor back: one command carries everything."""

    async def test_leaves_the_guest_and_the_gateway_in_reach(self, folder: Path, setting: str) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd", setting) as server:
            (folder / "sshd/home/.bashrc").write_text("echo Welcome; echo 'slipway:[]'; echo Beware >&2\n")
            async with Greeter(folder / "gateway", "ours") as gateway:
                made = await sandbox.open_sandbox(spec_on(server.account, folder, gateway_dir=gateway.folder))
                path = (await made.guest.paths()).gateway_socket

                results = await asyncio.gather(*(made.guest.run(["sh", "-c", f"echo {n}"]) for n in range(12)))
                said = await asyncio.gather(*(python(made, CONNECT.format(path=path)) for _ in range(6)))

                assert [int(result.stdout) for result in results] == list(range(12))
                assert said == ["b'ours'\n"] * 6
                await made.stop()
                with pytest.raises(SandboxGone):
                    await made.guest.hello()
                assert await made.poll() is Phase.STOPPED
                await made.destroy()

    async def test_is_no_hindrance_to_coming_back(self, folder: Path, setting: str) -> None:
        (folder / "sshd").mkdir()
        with sshd.served(folder / "sshd", setting) as server:
            async with Greeter(folder / "gateway", "ours") as gateway:
                made = await sandbox.open_sandbox(spec_on(server.account, folder, gateway_dir=gateway.folder))
                path = (await made.guest.paths()).gateway_socket
                await made.guest.start_agent("run", ["sh", "-c", "for n in $(seq 500); do echo $n; sleep 0.004; done"])
                reading = asyncio.create_task(read_until(made, "run", b"\n500\n"))
                await asyncio.sleep(0.7)

                server.kill()
                await asyncio.sleep(1)
                server.start()

                assert await reading == b"".join(b"%d\n" % n for n in range(1, 501))
                assert "b'ours'" in await python(made, CONNECT.format(path=path))
                await made.destroy()


async def test_a_trunk_carries_a_hundred_megabytes_to_a_slow_reader_in_little_memory(folder: Path) -> None:
    (folder / "sshd").mkdir()
    with sshd.served(folder / "sshd", FORBIDDING[0]) as server:
        made = await sandbox.open_sandbox(spec_on(server.account, folder))
        before, size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
        async with await made.guest.exec(["head", "-c", "100000000", "/dev/zero"]) as process:
            async for _, data in process:
                if size == 0:
                    await asyncio.sleep(1)  # the command has to wait
                    assert (await made.guest.run(["pgrep", "-f", "head -c 100000000"])).exit_code == 0
                size += len(data)
        assert size == 10**8
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
        await made.destroy()


class TestOutage:
    async def test_is_a_phase_of_its_own_and_waited_out_by_a_stream(self, server: sshd.Sshd, folder: Path) -> None:
        made = await sandbox.open_sandbox(spec_on(server.account, folder))
        await made.guest.start_agent("run", ["sh", "-c", "for n in $(seq 1000); do echo $n; sleep 0.004; done; cat"])
        reading = asyncio.create_task(read_until(made, "run", b"\n1000\n"))
        await asyncio.sleep(1)

        server.kill()
        assert await made.poll() is Phase.UNREACHABLE
        assert await made.glance() is Phase.UNREACHABLE
        assert "cannot be reached" in await made.cause()
        with pytest.raises(SandboxError):
            await made.destroy()
        await asyncio.sleep(2)
        server.start()

        assert await reading == b"".join(b"%d\n" % n for n in range(1, 1001))
        assert await made.poll() is Phase.RUNNING
        await made.destroy()

    async def test_is_waited_out_by_all_sessions_of_a_connection(self, server: sshd.Sshd, folder: Path) -> None:
        made = [await sandbox.open_sandbox(spec_on(server.account, folder)) for _ in range(4)]
        for one in made:
            await one.guest.start_agent("run", ["sh", "-c", "for n in $(seq 600); do echo $n; sleep 0.004; done; cat"])
        reading = [asyncio.create_task(_read_to(one, b"\n600\n")) for one in made]
        await asyncio.sleep(0.7)

        server.kill()
        await asyncio.sleep(OUTAGE_S)
        server.start()

        whole = b"".join(b"%d\n" % n for n in range(1, 601))
        assert await asyncio.gather(*reading) == [whole] * 4
        assert (server.folder / "log").read_text().count("Accepted publickey") == 2
        for one in made:
            await one.destroy()

    async def test_is_over_for_nobody_while_the_machine_has_another_key(self, server: sshd.Sshd, folder: Path) -> None:
        """What runs there runs on; no word is said until a person has approved the new key."""
        spec = spec_on(server.account, folder)
        made = await sandbox.open_sandbox(spec)
        await made.guest.start_agent("run", ["sh", "-c", "for n in $(seq 300); do echo $n; sleep 0.004; done; cat"])
        reading = asyncio.create_task(_read_to(made, b"\n300\n"))
        await asyncio.sleep(0.5)
        server.kill()
        server.change_host_key()
        server.start()

        with pytest.raises(HostKeyChanged):
            await reading
        with pytest.raises(HostKeyChanged):
            await made.guest.send_agent("run", "m1", b"more\n")
        assert await made.poll() is Phase.UNREACHABLE
        assert "approve its new key" in await made.cause()

        approved = await sandbox.attach_sandbox(replace(spec, account=server.account), made.handle)
        assert await approved.poll() is Phase.RUNNING
        assert await _read_to(approved, b"\n300\n") == b"".join(b"%d\n" % n for n in range(1, 301))
        await approved.destroy()

    async def test_does_not_lose_what_is_asked_meanwhile(self, server: sshd.Sshd, folder: Path) -> None:
        made = await sandbox.open_sandbox(spec_on(server.account, folder))
        await made.guest.start_agent("run", ["cat"])
        server.kill()

        sending = asyncio.create_task(made.guest.send_agent("run", "m1", b"hello\n"))
        await asyncio.sleep(1)
        server.start()

        assert await sending
        assert await read_until(made, "run", b"\n") == b"hello\n"
        await made.destroy()

    async def test_is_told_from_a_reboot(self, server: sshd.Sshd, folder: Path) -> None:
        spec = spec_on(server.account, folder)
        made = await sandbox.open_sandbox(spec)
        await made.stop()

        found = await sandbox.attach_sandbox(spec, {**made.handle, "boot": "another"})

        assert await found.poll() is Phase.STOPPED
        assert "was restarted" in await found.cause()
        assert "was killed on 127.0.0.1" in await made.cause()
        await made.destroy()


class TestGateway:
    async def test_is_reached_by_the_socket_inside(self, folder: Path) -> None:
        async with Greeter(folder / "gateway", "ours") as gateway:
            made = await sandbox.open_sandbox(spec_on(sshd.shared().account, folder, gateway_dir=gateway.folder))
            path = (await made.guest.paths()).gateway_socket

            assert "b'ours'" in await python(made, CONNECT.format(path=path))
            await made.destroy()

    async def test_is_another_servers_when_one_is_gone(self, server: sshd.Sshd, folder: Path) -> None:
        async with Greeter(folder / "gateway", "ours") as ours, Greeter(folder / "other", "theirs") as theirs:
            spec = spec_on(server.account, folder, gateway_dir=ours.folder)
            made = await sandbox.open_sandbox(spec)
            path = (await made.guest.paths()).gateway_socket
            beside = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _OTHER_SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert beside.stdin is not None
            assert beside.stdout is not None
            beside.stdin.write(pickle.dumps((replace(spec, gateway_dir=theirs.folder), made.handle)))
            beside.stdin.write_eof()
            assert await beside.stdout.readline() == b"connected\n"

            # While both wait for a connection either may take it: so this process leaves, then the other one.
            await ways.leave(spec.account, made.handle["root"])
            aside = await sandbox.attach_sandbox(replace(spec, gateway_dir=None), made.handle)
            assert await python(aside, CONNECT.format(path=path)) == "b'theirs'\n"
            await ways.leave(spec.account, made.handle["root"])
            await made.guest.hello()
            beside.kill()
            await beside.wait()
            assert await python(made, CONNECT.format(path=path)) == "b'ours'\n"
            await made.destroy()

    async def test_is_led_to_a_new_guest_on_the_same_files(self, folder: Path) -> None:
        async with Greeter(folder / "gateway", "ours") as gateway:
            before = spec_on(sshd.shared().account, folder, gateway_dir=gateway.folder)
            first = await sandbox.open_sandbox(before)
            await first.stop()

            second = await sandbox.open_sandbox(replace(before, machine_id="another"))
            path = (await second.guest.paths()).gateway_socket
            assert "b'ours'" in await python(second, CONNECT.format(path=path))
            third = await sandbox.open_sandbox(replace(before, machine_id="third"))  # the second was not even stopped

            assert "b'ours'" in await python(third, CONNECT.format(path=path))
            await third.destroy()

    async def test_comes_back_with_the_connection(self, server: sshd.Sshd, folder: Path) -> None:
        async with Greeter(folder / "gateway", "ours") as gateway:
            made = await sandbox.open_sandbox(spec_on(server.account, folder, gateway_dir=gateway.folder))
            path = (await made.guest.paths()).gateway_socket
            server.kill()
            server.start()

            assert "b'ours'" in await python(made, CONNECT.format(path=path))
            assert os.listdir(f"{made.handle['root']}/gate") == ["api.sock"]
            await made.destroy()


_OTHER_SERVER = """
import asyncio, pickle, sys
import sandbox

async def main():
    made = await sandbox.attach_sandbox(*pickle.load(sys.stdin.buffer))
    await made.guest.hello()
    print("connected", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


class TestRunning:
    async def test_finds_those_of_this_deployment_alone(self, folder: Path) -> None:
        account = sshd.shared().account
        ours, stopped = spec_on(account, folder), spec_on(account, folder)
        theirs = replace(spec_on(account, folder), deployment="another")
        made = [await sandbox.open_sandbox(spec) for spec in (ours, stopped, theirs)]
        await made[1].stop()

        found = await sandbox.running_sandboxes(spec_on(account, folder))

        assert set(found) == {ours.machine_id}
        assert found[ours.machine_id].handle == made[0].handle
        for one in made:
            await one.destroy()

    async def test_ends_a_guest_that_another_machine_takes_the_files_of(self, folder: Path) -> None:
        before = spec_on(sshd.shared().account, folder)
        old = await sandbox.open_sandbox(before)
        await old.guest.write_file("kept", b"x")

        new = await sandbox.open_sandbox(replace(before, machine_id="another"))

        assert await old.poll() is Phase.STOPPED
        assert await new.guest.read_file("kept") == b"x"
        await new.destroy()


async def test_a_frozen_network_is_noticed(server: sshd.Sshd, folder: Path) -> None:
    """The server does not answer any more, and nobody says so: a poll still ends in time."""
    made = await sandbox.open_sandbox(spec_on(server.account, folder))
    server.freeze()
    try:
        async with asyncio.timeout(8):
            assert await made.poll() is Phase.UNREACHABLE
    finally:
        server.thaw()

    async def is_back() -> bool:
        return await made.poll() is Phase.RUNNING

    await until(is_back)
    await made.destroy()
