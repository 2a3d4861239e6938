"""Commands on the remote machine: always the same one, whose only variable parts are base64.

`guest/boot.py` travels with each of them, finds the guest's archive by its hash and does what is asked; an archive
that is missing is uploaded. So there is nothing to quote, whatever shell the account has.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import asyncssh

from sandbox.errors import BackendUnavailable, SandboxError, SandboxRefused, Unreachable
from sandbox.guest_archive import SOURCE, archive_bytes
from sandbox.spec import SshAccount
from sandbox.ssh.lines import lines
from sandbox.ssh.streams import LOST

TIMEOUT_S = 30.0
MAX_ANSWER = 2**20  # bytes
TOLD = 300  # characters of what a machine says of its own accord
MARKER = b"slipway:"
NOT_FOUND = 127


async def ask(
    account: SshAccount, base: str, request: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Have `guest/machine.py` do something, and give its answer.

    Raises: Unreachable, BackendUnavailable (something about the machine has to be changed first), SandboxError.
    """
    try:
        async with asyncio.timeout(timeout_s):
            said = await _run(account, base, request)
            if said.get("error") == "archive":
                await _upload(account, str(said.get("path")))
                said = await _run(account, base, request)
    except TimeoutError as error:
        raise Unreachable(f"{account.host} did not answer in time.") from error
    except (asyncssh.Error, OSError) as error:
        raise Unreachable(LOST) from error
    ok = said.get("ok")
    if isinstance(ok, dict):
        return ok
    raise _failure(account, said)


def command(base: str, request: Mapping[str, Any]) -> str:
    """The command line: two words of base64 behind a fixed program."""
    wanted = {"base": base, "archive": archive_name(), "digest": _digest(), "request": dict(request)}
    program = "import sys,base64;exec(base64.b64decode(sys.argv.pop(1)))"
    return f"exec python3 -I -S -X utf8 -c '{program}' {_boot()} {_encoded(json.dumps(wanted).encode('ascii'))}"


def archive_name() -> str:
    """The archive's name on every machine: sandboxes of one release share it."""
    return f"guest-{_digest()[:32]}.pyz"


@cache
def _digest() -> str:
    return hashlib.sha256(archive_bytes()).hexdigest()


@cache
def _boot() -> str:
    return _encoded((SOURCE / "boot.py").read_bytes())


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


async def _run(account: SshAccount, base: str, request: Mapping[str, Any]) -> dict[str, Any]:
    async with lines().command(account, command(base, request)) as (_, (writer, reader, errors)):
        writer.write_eof()
        output, complaint = await asyncio.gather(_capped(reader), _capped(errors))
        await writer.wait_closed()
        channel = cast("asyncssh.SSHClientChannel[bytes]", writer.channel)
        return _parsed(account, output, complaint, channel.get_exit_status())


async def _capped(reader: asyncssh.SSHReader[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := await reader.read(2**16):
        parts.append(data)
        size += len(data)
        if size > MAX_ANSWER:
            raise SandboxError("The machine says more than anybody asked for.")
    return b"".join(parts)


def _parsed(account: SshAccount, output: bytes, complaint: bytes, status: int | None) -> dict[str, Any]:
    """The answer among whatever the account's own start-up files may print."""
    for text in reversed(output.split(b"\n")):
        if text.startswith(MARKER):
            try:
                said = json.loads(text.removeprefix(MARKER))
            except (ValueError, RecursionError):
                break
            if isinstance(said, dict):
                return said
    if status == NOT_FOUND:
        return {"error": "no-python"}
    if status is None:
        raise Unreachable(LOST)
    return {"error": "no-answer", "reason": (complaint or output).decode("utf-8", "replace").strip()}


async def _upload(account: SshAccount, path: str) -> None:
    """Put the archive there whole or not at all; its hash is compared each time that it is used."""
    if not path.startswith("/") or not path.endswith("/" + archive_name()):
        raise SandboxError("The machine wants the guest in a place that nobody named.")
    temporary = f"{path}.{secrets.token_hex(8)}"
    try:
        async with lines().sftp(account) as sftp:
            async with sftp.open(temporary, "wb", asyncssh.SFTPAttrs(permissions=0o600)) as file:
                await file.write(archive_bytes())
            await sftp.posix_rename(temporary, path)
    except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
        hint = f"Check that the SSH server offers sftp, and that there is room at {path.rpartition('/')[0]}."
        reason = _plain(error.reason)
        raise BackendUnavailable(
            f"The guest's program could not be stored on {account.host}: {reason}.", hint=hint
        ) from error


def _failure(account: SshAccount, said: Mapping[str, Any]) -> SandboxError:
    """The one sentence that helps, for each thing that can be wrong with a machine."""
    host, code = account.host, str(said.get("error"))
    reason, path = _plain(said.get("reason")), _plain(said.get("path"))
    version = _plain(said.get("version"))
    if code == "busy":
        return SandboxRefused(reason)
    told = {
        "python": (f"{host} has Python {version}, which is too old.", "Install Python 3.8 or later there."),
        "no-python": (f"{host} has no python3.", "Install Python 3.8 or later there."),
        "no-answer": (
            f"{account.username} cannot run commands on {host}: {reason or 'nothing was said'}.",
            "Try it by hand: ssh to this account and run python3 --version.",
        ),
        "folder": (f"The work directory {path} on {host} cannot be used: {reason}.", "Name another work directory."),
        "system": (f"The work directory {path} on {host} cannot be used: {reason}.", "Name another work directory."),
        "full": (f"The disk of {host} is full.", f"Free some space below {path}."),
        "noexec": (
            f"No program may be run below {reason} on {host}: it is mounted with noexec.",
            "Name a work directory on another file system.",
        ),
        "archive": (f"The guest's program on {host} is not what was stored there.", f"Look at {path}."),
        "start": (f"The sandbox did not start on {host}: {reason}.", "Look at the machine's own log."),
    }
    message, hint = told.get(code, (f"{host} could not do it: {reason or code}.", "Look at the machine's own log."))
    return BackendUnavailable(message, hint=hint)


def _plain(value: object) -> str:
    """A machine's own words within a sentence of ours."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value or "")[:TOLD])
    return text.strip().rstrip(".")
