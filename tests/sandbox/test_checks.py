"""What an operator tries out on a place passes on every kind, and finds what a broken one does wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from sandbox import AnySpec, GuestClient, Phase, Sandbox, open_sandbox
from sandbox.answers import Exit, Result
from sandbox.checks import CHECKS, Line, LineStatus, examine
from sandbox.process import Process
from sandbox.spec import ModalCredential, SshAccount, SshSpec
from sandbox.ssh.keys import HostKey
from tests import sshd
from tests.fakes.modal import TOKEN_ID
from tests.fakes.modal.shared import local_modal
from tests.fakes.modal.specs import modal_spec
from tests.sandbox.backends import LocalMaker, Maker
from tests.sandbox.test_ssh import spec_on


async def untold(lines: Sequence[Line]) -> None:
    """Nobody watches."""


class TestEveryKind:
    async def test_passes_all_checks(self, maker: Maker) -> None:
        gateway = maker.folder / "gateway"
        gateway.mkdir()

        small = {"memory_bytes": 256 * 2**20} if maker.capabilities.can_bound_memory else {}
        lines = await examine(lambda: maker.open(gateway_dir=gateway, **small), untold, is_quick=False)

        wrong = {line.name: line.problem for line in lines if line.status == LineStatus.FAILED}
        wrong.pop("gateway", None)  # nobody serves one here
        if not maker.capabilities.can_confine:
            wrong.pop("user", None)  # it is whoever runs the tests
        assert wrong == {}
        assert len([line for line in lines if line.status == LineStatus.PASSED]) > 15


class Bent(GuestClient):
    """A guest's client that does one thing wrong; each class below says which."""


class LosesBytes(Bent):
    async def run(self, argv: Sequence[str], **options: Any) -> Result:
        done = await super().run(argv, **options)
        return replace(done, stdout=done.stdout[:1000])


class HidesExitCodes(Bent):
    async def run(self, argv: Sequence[str], **options: Any) -> Result:
        return replace(await super().run(argv, **options), exit_code=0)


class WritesElsewhere(Bent):
    async def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        await super().write_file(path, data[:-1], mode)


class SendsTwice(Bent):
    async def send_agent(self, run: str, message_id: str, line: bytes) -> bool:
        return await super().send_agent(run, f"{message_id}-{id(object())}", line + line)


class SignalsNobody(Bent):
    async def exec(self, argv: Sequence[str], **options: Any) -> Process:
        process = await super().exec(argv, **options)
        process.kill = _taken  # type: ignore[assignment, method-assign]
        process.wait = _ended_well  # type: ignore[method-assign]
        return process


class DropsPacks(Bent):
    async def snapshot(self, **options: Any) -> Any:
        return replace(await super().snapshot(**options), pack=_nothing())


class RunsAsRoot(Bent):
    async def run(self, argv: Sequence[str], **options: Any) -> Result:
        return await super().run(["echo", "0"] if list(argv) == ["id", "-u"] else argv, **options)


async def _ended_well() -> Exit:
    return Exit(exit_code=0, signal=None)


async def _taken(_: object) -> None:
    """And thrown away."""


async def _nothing() -> AsyncIterator[bytes]:
    for part in b"":
        yield bytes(part)


class BrokenMaker(LocalMaker):
    """A real sandbox, of which one thing is bent."""

    guest: type[Bent] | None = None

    async def open_spec(self, spec: Any) -> Sandbox:
        made = await super().open_spec(spec)
        if self.guest is not None:
            made._guest = self.guest(made._connect)  # type: ignore[attr-defined]
        return made


class SeesDevices(Bent):
    devices: tuple[str, ...] = ()

    async def run(self, argv: Sequence[str], **options: Any) -> Result:
        done = await super().run(argv, **options)
        if list(argv) != ["cat", "/proc/net/dev"]:
            return done
        return replace(done, stdout="".join(f"{name}: 0 0\n" for name in self.devices).encode())


class SeesTheNetwork(SeesDevices):
    devices = ("lo", "eth0")


class TestANetwork:
    @pytest.mark.parametrize(
        ("guest", "reaches", "told"),
        [
            (SeesTheNetwork, "", "FAILED There is no network but the model gateway."),
            (SeesDevices, "agents", "FAILED There is no network but the model gateway."),
            (SeesTheNetwork, "agents", "PASSED Agents reach what this environment allows: agents."),
            (Bent, "", "PASSED There is no network but the model gateway."),
        ],
        ids=["unasked", "missing", "on purpose", "none"],
    )
    async def test_is_told_as_it_is_allowed(self, guest: type[Bent], reaches: str, told: str) -> None:
        maker = BrokenMaker()
        maker.guest = guest
        made = await maker.open()
        made.capabilities = replace(made.capabilities, reaches=reaches)
        network = next(check for check in CHECKS if check.name == "network")
        try:
            _, line, _ = await examine(lambda: _given(made), untold, checks=[network])
        finally:
            await maker.close()

        assert f"{line.status} {line.title}" == told


class TestBrokenBackend:
    @pytest.mark.parametrize(
        ("guest", "line"),
        [
            (LosesBytes, "bytes"),
            (HidesExitCodes, "commands"),
            (WritesElsewhere, "files"),
            (SendsTwice, "agent"),
            (SignalsNobody, "kill"),
            (DropsPacks, "snapshot"),
            (RunsAsRoot, "user"),
        ],
    )
    async def test_fails_the_check_of_what_it_does_wrong(self, guest: type[Bent], line: str) -> None:
        maker = BrokenMaker()
        maker.guest = guest
        try:
            lines = await examine(maker.open, untold)
        finally:
            await maker.close()

        failed = {one.name for one in lines if one.status == LineStatus.FAILED}
        assert line in failed
        assert failed <= {line, "gateway"}

    async def test_is_told_when_something_of_it_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        maker = LocalMaker()
        made = await maker.open()

        async def does_nothing() -> None:
            assert await made.poll() is Phase.RUNNING

        with monkeypatch.context() as patch:
            patch.setattr(made, "destroy", does_nothing)
            lines = await examine(lambda: _given(made), untold, checks=())
        await maker.close()

        assert [(one.name, one.status) for one in lines] == [
            ("open", LineStatus.PASSED),
            ("remove", LineStatus.FAILED),
        ]
        assert "running" in lines[-1].problem


def stranger_to(account: SshAccount, folder: Path) -> SshSpec:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    return spec_on(replace(account, private_key=key), folder)


def changed(account: SshAccount, folder: Path) -> SshSpec:
    key = HostKey.of(asyncssh.generate_private_key("ssh-ed25519"))
    return spec_on(replace(account, host_key=key.text), folder)


def in_a_file(account: SshAccount, folder: Path) -> SshSpec:
    (folder / "file").touch()
    return spec_on(account, folder, work_dir=str(folder / "file"))


BAD: dict[str, tuple[Callable[[SshAccount, Path], AnySpec], str]] = {
    "key": (stranger_to, "Check the user name and the key in the environment's settings."),
    "host key": (changed, "approve its new key in the environment's settings"),
    "work directory": (in_a_file, "Name another work directory."),
    "token": (lambda *_: modal_spec(credential=ModalCredential(TOKEN_ID, "as-wrong")), "Make a token at modal.com"),
}


class TestABadPlace:
    @pytest.mark.parametrize(("bad", "advice"), BAD.values(), ids=BAD)
    async def test_is_one_line_that_says_what_to_do_and_leaves_nothing(
        self, bad: Callable[[SshAccount, Path], AnySpec], advice: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in local_modal().environment.items():
            monkeypatch.setenv(name, value)
        with tempfile.TemporaryDirectory(prefix="slipway-bad-") as folder:
            spec = bad(sshd.shared().account, Path(folder))

            first, *others = await examine(lambda: open_sandbox(spec), untold)

            assert (first.name, first.status) == ("open", LineStatus.FAILED)
            assert advice in first.advice
            assert first.problem
            assert first.advice not in first.problem
            assert {one.status for one in others} == {LineStatus.SKIPPED}
            assert set(os.listdir(folder)) <= {"file"}
        assert [one for one in local_modal().sandboxes() if one["tags"].get("machine") == spec.machine_id] == []


async def _given(made: Sandbox) -> Sandbox:
    return made
