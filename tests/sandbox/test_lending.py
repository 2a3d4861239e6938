"""A lent SSH agent: the real one, asked by the real programs from inside sandboxes, and by programs that lie."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from sandbox import Sandbox
from sandbox.carrier import SSH_AGENT
from sandbox.lending import LENGTH, MAX_MESSAGE, MOST_OF_ONE, BadMessage, Lender, count_keys
from tests import sshd
from tests.sandbox.backends import MAKERS, Maker, SshMaker

LENT = sorted(kind for kind, made in MAKERS.items() if made.capabilities.can_lend_agent)


@dataclass(frozen=True)
class Agent:
    """A running ssh-agent with one key."""

    path: Path
    public_key: str

    def lists(self) -> str:
        return _run("ssh-add", "-L", SSH_AUTH_SOCK=str(self.path))


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    with tempfile.TemporaryDirectory(prefix="slipway-agent-") as folder:
        path, key = Path(folder, "s"), Path(folder, "key")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the operator", "-f", str(key))
        said = _run("ssh-agent", "-s", "-a", str(path))
        pid = int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
        try:
            _run("ssh-add", "-q", str(key), SSH_AUTH_SOCK=str(path))
            key.unlink()
            yield Agent(path, Path(f"{key}.pub").read_text().strip())
        finally:
            os.kill(pid, signal.SIGTERM)


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@asynccontextmanager
async def lent(agent: Path) -> AsyncIterator[Path]:
    """The folder of a gateway beside which an agent is lent, as the server makes it."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-lent-"))
    os.chmod(folder, 0o711)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder / SSH_AGENT))
    os.chmod(folder / SSH_AGENT, 0o666)
    server = await Lender(agent).serve(sock)
    try:
        yield folder
    finally:
        server.close()
        shutil.rmtree(folder)


@pytest.fixture(params=LENT)
def lender(request: pytest.FixtureRequest) -> Iterator[Maker]:
    """A maker of each kind that the agent can be led into, or of those that the test names."""
    made = MAKERS[request.param]()
    yield made
    async_to_sync(made.close)()


async def opened(maker: Maker, folder: Path) -> tuple[Sandbox, str]:
    """A sandbox with the lent agent inside, and where it is there."""
    made = await maker.open(gateway_dir=folder, **({"lends_agent": True} if isinstance(maker, SshMaker) else {}))
    return made, (await made.guest.paths()).ssh_agent


ASK = """
import socket, struct
s = socket.socket(socket.AF_UNIX); s.connect({path!r})
def text(value): return struct.pack(">I", len(value)) + value
def ask(message):
    s.sendall(text(message)); size, = struct.unpack(">I", s.recv(4, socket.MSG_WAITALL))
    return s.recv(size, socket.MSG_WAITALL)
keys = ask(bytes([11])); size, = struct.unpack(">I", keys[5:9]); key = keys[9:9 + size]
print(keys[0], struct.unpack(">I", keys[1:5])[0], ask(bytes([13]) + text(key) + text(b"data") + bytes(4))[0])
print(*(ask(bytes([kind]) + more)[0] for kind, more in [
    (17, text(b"ssh-ed25519") + text(b"x" * 32) + text(b"y" * 64) + text(b"")), (18, text(key)), (19, b""),
    (20, text(b"reader") + text(b"")), (22, text(b"lock")), (23, text(b"lock")), (25, b""), (26, b""),
    (27, text(b"query")), (1, b""), (9, b""), (255, b"")]))
print(ask(bytes([11]))[0])
"""


HOLD = """
import socket, sys
held = []
def is_answered():
    s = socket.socket(socket.AF_UNIX); s.connect({path!r}); held.append(s)
    try:
        s.sendall(b"\\0\\0\\0\\1\\x0b")
        return s.recv(5)[4:] == b"\\x0c"
    except OSError:
        return False
print(sum(is_answered() for _ in range({most} + 4)), flush=True)
sys.stdin.read()
"""


class TestFromInside:
    async def test_keys_are_listed_and_signed_with_and_nothing_else_is_done(self, agent: Agent, lender: Maker) -> None:
        async with lent(agent.path) as folder:
            made, path = await opened(lender, folder)

            done = await made.guest.run(["python3", "-c", ASK.format(path=path)])

        assert done.stdout.decode().splitlines() == ["12 1 14", " ".join(["5"] * 12), "12"], done.stderr
        assert agent.lists() == agent.public_key

    @pytest.mark.parametrize("lender", [kind for kind in LENT if MAKERS[kind].capabilities.can_confine], indirect=True)
    async def test_a_sandbox_that_holds_its_connections_leaves_the_others_theirs(
        self, agent: Agent, lender: Maker
    ) -> None:
        async with lent(agent.path) as folder:
            made, path = await opened(lender, folder)
            script = HOLD.format(path=path, most=MOST_OF_ONE)

            async with await made.guest.exec(["python3", "-c", script], stdin=True) as holding:
                assert await anext(aiter(holding)) == ("stdout", b"%d\n" % MOST_OF_ONE)
                assert await count_keys(folder / SSH_AGENT) == 1

    @pytest.mark.parametrize("kind", ["local", "ssh"])
    async def test_the_usual_programs_see_it_as_any_agent(self, agent: Agent, kind: str) -> None:
        maker = MAKERS[kind]()
        try:
            async with lent(agent.path) as folder:
                made, path = await opened(maker, folder)
                variables = {"SSH_AUTH_SOCK": path}

                async def run(*command: str) -> tuple[int, str]:
                    done = await made.guest.run([*command], env=variables)
                    return done.exit_code, (done.stdout + done.stderr).decode().strip()

                assert await run("ssh-add", "-L") == (0, agent.public_key)
                for command in (["-D"], ["-x"], ["-d", "key.pub"]):
                    assert (await run("sh", "-c", f"yes | ssh-add {' '.join(command)}"))[0] != 0
                await made.guest.write_file("key.pub", agent.public_key.encode())
                await made.guest.write_file("text", b"signed inside\n")
                await made.guest.write_file("allowed", b"agent " + agent.public_key.encode())
                assert (await run("ssh-keygen", "-Y", "sign", "-n", "file", "-f", "key.pub", "text"))[0] == 0
                check = "ssh-keygen -Y verify -f allowed -I agent -n file -s text.sig < text"
                assert "Good" in (await run("sh", "-c", check))[1]
                assert agent.lists() == agent.public_key
        finally:
            await maker.close()

    async def test_a_repository_is_cloned_where_the_network_leads(self, agent: Agent, tmp_path: Path) -> None:
        with sshd.served(tmp_path) as server:
            keys = server.folder / "authorized_keys"
            keys.write_text(f"{keys.read_text()}\n{agent.public_key}\n")
            repository = tmp_path / "repository.git"
            _run("git", "init", "-q", "--bare", str(repository))
            maker = SshMaker()
            try:
                async with lent(agent.path) as folder:
                    made, path = await opened(maker, folder)
                    ssh = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
                    address = f"ssh://{server.account.username}@127.0.0.1:{server.port}{repository}"
                    clone = ["git", "clone", address, "cloned"]

                    done = await made.guest.run(clone, env={"SSH_AUTH_SOCK": path, "GIT_SSH_COMMAND": ssh})
                    without = await made.guest.run([*clone[:-1], "again"], env={"GIT_SSH_COMMAND": ssh})

                assert done.exit_code == 0, done.stderr
                assert "Permission denied" in without.stderr.decode()
            finally:
                await maker.close()

    async def test_one_that_is_not_lent_is_not_there(self, agent: Agent) -> None:
        maker = SshMaker()
        try:
            async with lent(agent.path) as folder:
                made = await maker.open(gateway_dir=folder)
                path = (await made.guest.paths()).ssh_agent

                assert (await made.guest.run(["test", "-e", path])).exit_code == 1
        finally:
            await maker.close()


class TestALender:
    async def test_whose_agent_is_away_ends_the_conversation_and_takes_the_next(
        self, agent: Agent, tmp_path: Path
    ) -> None:
        away = tmp_path / "s"
        async with lent(away) as folder:
            with pytest.raises(BadMessage):
                await count_keys(folder / SSH_AGENT)
            away.symlink_to(agent.path)

            assert await count_keys(folder / SSH_AGENT) == 1

    @pytest.mark.parametrize("said", [b"", LENGTH.pack(100) + b"\x0b"], ids=["nothing", "half a request"])
    async def test_hangs_up_on_who_does_not_ask(
        self, agent: Agent, said: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sandbox.lending.IDLE_S", 0.1)
        async with lent(agent.path) as folder:
            reader, writer = await asyncio.open_unix_connection(folder / SSH_AGENT)
            writer.write(said)

            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()

    @pytest.mark.parametrize("said", [LENGTH.pack(0), LENGTH.pack(MAX_MESSAGE + 1), LENGTH.pack(2**32 - 1), b"\0\0"])
    async def test_hangs_up_on_what_is_no_request(self, agent: Agent, said: bytes) -> None:
        async with lent(agent.path) as folder:
            reader, writer = await asyncio.open_unix_connection(folder / SSH_AGENT)
            writer.write(said)
            writer.write_eof()

            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()

    async def test_holds_no_more_than_a_message_of_an_agent_that_lies(self, tmp_path: Path) -> None:
        async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(LENGTH.pack(2**31) + bytes(2**20))
            writer.close()

        async with await asyncio.start_unix_server(lie, tmp_path / "s"), lent(tmp_path / "s") as folder:
            with pytest.raises(BadMessage):
                await count_keys(folder / SSH_AGENT)

    async def test_turns_other_accounts_of_the_machine_away(
        self, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        become = "os.setuid(4321)" if os.geteuid() == 0 else ""
        if not become:  # then this account has to be the stranger
            monkeypatch.setattr("sandbox.lending.os.geteuid", lambda: -1)
            monkeypatch.setattr("sandbox.lending.inside.UID", -1)
        script = (
            f"import os, socket; {become}; s = socket.socket(socket.AF_UNIX); s.connect({{path!r}}); print(s.recv(1))"
        )
        async with lent(agent.path) as folder:
            command = script.format(path=str(folder / SSH_AGENT))
            stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", command, stdout=subprocess.PIPE)
            said, _ = await stranger.communicate()

        assert said.decode().strip() == "b''"
