"""What only Modal has: what is asked of it, its ways of ending sandboxes, and a network between us and the sandbox."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from asgiref.sync import async_to_sync

import sandbox
from sandbox import ModalSpec, Phase, Sandbox
from sandbox.backends.modal import backend
from sandbox.errors import BackendUnavailable, SandboxGone, SandboxRefused
from sandbox.modal.lines import lines
from sandbox.spec import ModalCredential
from tests.fakes.modal import TOKEN_ID
from tests.fakes.modal.rpc import Faults, unary
from tests.fakes.modal.shared import local_modal
from tests.sandbox.backends import ModalMaker
from tests.sandbox.test_conformance_confinement import CONNECT, python
from tests.sandbox.waiting import until

SAYS = "n=0; while [ $n -lt 2000 ]; do echo $n; n=$((n+1)); [ $((n % 50)) = 0 ] && sleep 0.05; done"
SAYS_NUMBERS = ["sh", "-c", SAYS]
NUMBERS = b"".join(b"%d\n" % number for number in range(2000))


@pytest.fixture
def modal() -> Iterator[ModalMaker]:
    made = ModalMaker()
    yield made
    async_to_sync(made.close)()


def told(made: Sandbox) -> dict[str, Any]:
    """What the local Modal knows of a sandbox."""
    (found,) = [each for each in local_modal().sandboxes() if each["id"] == made.handle["id"]]
    return found


def running(spec: ModalSpec) -> list[str]:
    """The ids of what runs for a machine."""
    return [
        each["id"]
        for each in local_modal().sandboxes()
        if each["is_running"] and each["tags"]["machine"] == spec.machine_id
    ]


class TestOpen:
    async def test_asks_for_what_the_spec_says(self, modal: ModalMaker) -> None:
        made = await modal.open_spec(replace(modal.spec(), cpus=2.0, memory_mb=2048, labels=(("session", "s-1"),)))

        asked = told(made)

        definition = asked["definition"]
        assert definition["resources"]["memory_mb"] == definition["resources"]["memory_mb_max"] == 2048
        assert definition["resources"]["milli_cpu"] == definition["resources"]["milli_cpu_max"] == 2000
        assert definition["network_access"]["network_access_type"] == "BLOCKED"
        assert (definition["timeout_secs"], definition["idle_timeout_secs"]) == (3600, 600)
        assert {mount["mount_path"] for mount in definition["volume_mounts"]} == {
            "/workspace",
            "/home/agent",
            "/run/slipway/kept",
        }
        assert asked["tags"] == {"deployment": "tests", "session": "s-1", "machine": made._spec.machine_id}  # type: ignore[attr-defined]

    async def test_opens_the_network_for_the_names_given(self, modal: ModalMaker) -> None:
        spec = replace(modal.spec(), block_network=False, domains=("packages.example.org", "*.example.com"))

        access = told(await modal.open_spec(spec))["definition"]["network_access"]

        assert access["network_access_type"] == "ALLOWLIST"
        assert access["allowed_domains"] == ["packages.example.org", "*.example.com"]

    async def test_makes_one_sandbox_although_an_answer_was_lost(self, modal: ModalMaker) -> None:
        spec = modal.spec()
        local_modal().plan("SandboxCreateV2:answered", {"status": "UNAVAILABLE"})

        made = await modal.open_spec(spec)

        assert running(spec) == [made.handle["id"]]

    async def test_is_asked_again_while_it_is_under_way_and_done_once(self) -> None:
        """What the local Modal owes to real ones: a client whose line breaks asks again, under the same key."""
        faults, may_answer = Faults(), asyncio.Event()
        asked: list[str] = []
        answers: list[str] = []

        @unary
        async def SandboxCreateV2(_: object, request: str, __: object) -> str:
            asked.append(request)
            await may_answer.wait()
            return "made"

        async def call() -> None:
            stream = SimpleNamespace(metadata={"x-idempotency-key": "k"})
            stream.recv_message, stream.send_message = (
                AsyncMock(return_value="make"),
                AsyncMock(side_effect=answers.append),
            )
            await SandboxCreateV2(SimpleNamespace(faults=faults, authorize=Mock()), stream)

        first, second = asyncio.ensure_future(call()), asyncio.ensure_future(call())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        may_answer.set()
        await second

        assert (asked, answers) == (["make"], ["made"])

    async def test_makes_one_sandbox_for_all_who_ask_at_once(self, modal: ModalMaker) -> None:
        spec = modal.spec()

        opened = await asyncio.gather(*(modal.open_spec(spec) for _ in range(3)))

        assert {made.handle["id"] for made in opened} == set(running(spec))
        assert len(running(spec)) == 1

    async def test_takes_a_warm_sandbox_over_for_another_machine(self, modal: ModalMaker) -> None:
        spec = modal.spec()
        first = await modal.open_spec(spec)

        second = await modal.open_spec(replace(spec, machine_id=uuid.uuid4().hex))

        assert second.handle == first.handle
        assert told(second)["tags"]["machine"] == second._spec.machine_id  # type: ignore[attr-defined]

    async def test_goes_on_from_what_was_made_ahead(self, modal: ModalMaker) -> None:
        spec = modal.spec()
        ahead = await backend.prewarm(spec)

        made = await modal.open_spec(spec)

        assert made.handle == ahead.handle
        assert await made.poll() is Phase.RUNNING

    async def test_says_that_the_token_is_wrong(self, modal: ModalMaker) -> None:
        spec = replace(modal.spec(), credential=ModalCredential(TOKEN_ID, "as-wrong"))

        with pytest.raises(BackendUnavailable, match="token") as caught:
            await sandbox.open_sandbox(spec)

        assert "modal.com" in caught.value.hint
        assert running(spec) == []

    @pytest.mark.parametrize("image", ["--privileged", "a b", "../x", "A"])
    async def test_refuses_what_is_no_image(self, modal: ModalMaker, image: str) -> None:
        with pytest.raises(SandboxRefused, match="name of an image"):
            await sandbox.open_sandbox(replace(modal.spec(), image=image))

    async def test_ends_a_sandbox_that_does_not_start(self, modal: ModalMaker, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = modal.spec()
        monkeypatch.setattr("sandbox.backends.modal.entry.first_command", lambda _: ["sh", "-c", "exit 3"])

        with pytest.raises(BackendUnavailable, match="ended with code 3"):
            await sandbox.open_sandbox(spec)

        assert running(spec) == []


class TestEnds:
    @pytest.mark.parametrize(
        ("status", "cause"),
        [("TIMEOUT", "longest"), ("IDLE_TIMEOUT", "not been used"), ("TERMINATED", "ended at Modal")],
    )
    async def test_are_told_apart(self, modal: ModalMaker, status: str, cause: str) -> None:
        spec = modal.spec()
        made = await modal.open_spec(spec)
        await made.guest.write_file("kept", b"x")

        local_modal().finish(made.handle["id"], status)

        assert await made.poll() is Phase.STOPPED
        assert cause in await made.cause()
        again = await modal.open_spec(spec)
        assert again.handle["id"] != made.handle["id"]
        assert await again.guest.read_file("kept") == b"x"

    async def test_of_one_that_modal_does_not_know(self, modal: ModalMaker) -> None:
        spec = modal.spec()
        made = await modal.open_spec(spec)
        await made.destroy()
        local_modal().forget(made.handle["id"])

        assert await made.poll() is Phase.GONE
        assert "does not know" in await made.cause()
        await made.stop()
        with pytest.raises(SandboxGone):
            await made.guest.hello()

    async def test_remove_what_was_kept_by_a_handle_alone(self, modal: ModalMaker) -> None:
        spec = modal.spec()
        made = await modal.open_spec(spec)
        await made.stop()
        assert await made.poll() is Phase.STOPPED

        await (await sandbox.attach_sandbox(spec, made.handle)).destroy()

        assert await made.poll() is Phase.GONE


class TestRunning:
    async def test_tells_a_deployments_own(self, modal: ModalMaker) -> None:
        deployment = uuid.uuid4().hex
        spec = replace(modal.spec(), deployment=deployment)
        ours = await modal.open_spec(spec)
        await modal.open()
        ended = await modal.open_spec(replace(modal.spec(), deployment=deployment))
        await ended.stop()

        found = await backend.running(replace(spec, machine_id="nobody"))

        assert {machine_id: made.handle["id"] for machine_id, made in found.items()} == {
            spec.machine_id: ours.handle["id"]
        }
        await found[spec.machine_id].stop()
        assert await ours.poll() is Phase.STOPPED


@pytest.fixture
def network() -> Iterator[None]:
    """Comes back at the end, whatever a test did to it."""
    yield
    local_modal().outage("drop")


@pytest.mark.usefixtures("network")
class TestNetwork:
    async def test_loses_no_byte_when_connections_drop(self, modal: ModalMaker) -> None:
        made = await modal.open()
        await made.guest.start_agent("run", SAYS_NUMBERS)
        seen = b""

        async with aclosing(made.guest.read_agent("run", 0)) as stream:
            async for data in stream:
                before, seen = len(seen), seen + data
                if len(seen) // 2000 > before // 2000:
                    await asyncio.to_thread(local_modal().outage, "drop")

        assert seen == NUMBERS

    async def test_delivers_each_line_once_when_connections_drop(self, modal: ModalMaker) -> None:
        made = await modal.open()
        await made.guest.start_agent("run", ["cat"])

        for number in range(10):
            dropping = asyncio.create_task(asyncio.to_thread(local_modal().outage, "drop"))
            assert await made.guest.send_agent("run", f"m{number}", b"%d" % number + b"x" * 100_000 + b"\n")
            await dropping

        wanted = b"".join(b"%d" % number + b"x" * 100_000 + b"\n" for number in range(10))
        seen = b""
        async with aclosing(made.guest.read_agent("run", 0)) as stream:
            async for data in stream:
                seen += data
                if len(seen) >= len(wanted):
                    break
        assert seen == wanted

    async def test_is_unreachable_and_not_ended_while_it_is_down(self, modal: ModalMaker) -> None:
        made = await modal.open()
        await made.guest.start_agent("run", SAYS_NUMBERS)
        local_modal().outage("down")
        try:
            assert await made.poll() is Phase.UNREACHABLE
        finally:
            local_modal().outage("up")

        async def runs() -> bool:
            return await made.poll() is Phase.RUNNING

        await until(runs)
        assert b"".join([data async for data in made.guest.read_agent("run", 0)]) == NUMBERS

    async def test_a_trunk_that_was_cut_off_is_made_again_and_read_on_from(self, modal: ModalMaker) -> None:
        made = await modal.open()
        await made.guest.start_agent("run", SAYS_NUMBERS)
        seen = b""

        async with aclosing(made.guest.read_agent("run", 0)) as stream:
            async for data in stream:
                if not seen:
                    await lines.close()
                seen += data

        assert seen == NUMBERS
        assert (await made.guest.run(["echo", "again"])).stdout == b"again\n"

    async def test_nothing_is_kept_of_sandboxes_that_have_ended(self, modal: ModalMaker) -> None:
        made = await modal.open()
        await made.guest.hello()
        assert made.address in lines._trunks  # type: ignore[attr-defined]
        local_modal().finish(made.handle["id"], "TERMINATED")

        async def is_forgotten() -> bool:
            return made.address not in lines._trunks  # type: ignore[attr-defined]

        await until(is_forgotten)
        with pytest.raises(SandboxGone):
            await made.guest.hello()
        assert await is_forgotten()


class TestGateway:
    async def test_is_reached_again_after_a_server_died_that_carried_it(self, modal: ModalMaker) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = await modal.open(gateway_dir=Path(folder))
            path = (await made.guest.paths()).gateway_socket
            # As a server does that is killed: it waits for connections and never takes one.
            dead = [await made.guest._open("gateway.take", {}) for _ in range(3)]
            server = await asyncio.start_unix_server(_hello, f"{folder}/api.sock")
            try:
                said = await asyncio.gather(*(python(made, CONNECT.format(path=path)) for _ in range(8)))
            finally:
                server.close()
                for connection in dead:
                    await connection.close()

        assert said == ["b'hello'\n"] * 8

    async def test_carries_much_both_ways(self, modal: ModalMaker) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = await modal.open(gateway_dir=Path(folder))
            path = (await made.guest.paths()).gateway_socket
            server = await asyncio.start_unix_server(_echo, f"{folder}/api.sock")
            try:
                said = await python(made, ECHOED.format(path=path))
            finally:
                server.close()

        assert said == "8000000\n"


ECHOED = """
import socket, threading
s = socket.socket(socket.AF_UNIX); s.connect({path!r})
def send():
    s.sendall(b"x" * 8_000_000); s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
size = 0
while data := s.recv(65536):
    size += len(data)
print(size)
"""


async def _hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
