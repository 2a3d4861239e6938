"""A connection to an account on a remote machine, whose key must be the one that was approved."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import Any

import asyncssh
from asyncssh.public_key import get_default_public_key_algs

from runtime.addresses import is_public
from sandbox.errors import BackendUnavailable, SandboxError, Unreachable
from sandbox.spec import SshAccount
from sandbox.ssh.keys import HostKey

asyncssh.set_log_level(logging.WARNING)  # else each command is logged

CONNECT_TIMEOUT_S = 8.0
KEEPALIVE_S = 5.0
KEEPALIVES = 3  # unanswered ones after which the connection counts as lost

# Nothing of the server's own account is used: no configuration file, no agent, no keys, no known hosts.
_OURS_ALONE: dict[str, Any] = {
    "config": None,
    "agent_path": None,
    "agent_forwarding": False,
    "gss_host": None,
    "x509_trusted_certs": None,
    "host_based_auth": False,
    "proxy_command": None,
    "tunnel": None,
}


class HostKeyChanged(BackendUnavailable):
    """The machine has another key than the one that was approved."""


class SignInRefused(BackendUnavailable):
    """The machine does not accept the key or password."""


class _Client(asyncssh.SSHClient):
    """Compares the machine's key with the approved one."""

    def __init__(self, approved: HostKey) -> None:
        self._approved = approved.key
        self.refused: HostKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        if key == self._approved:
            return True
        self.refused = HostKey.of(key)
        return False


async def dial(account: SshAccount) -> asyncssh.SSHClientConnection:
    """Connect and sign in.

    Raises: HostKeyChanged, SignInRefused (both stay until a person changes something); Unreachable.
    """
    approved = HostKey.read(account.host_key)
    client = _Client(approved)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            sock = await _connected(account.host, account.port, must_be_public=account.must_be_public)
            connection, _ = await asyncssh.create_connection(
                lambda: client,
                sock=sock,
                username=account.username,
                known_hosts=_nobody,
                server_host_key_algs=_approved_first(approved),
                keepalive_interval=KEEPALIVE_S,
                keepalive_count_max=KEEPALIVES,
                **_credentials(account),
                **_OURS_ALONE,
            )
    except (asyncssh.Error, OSError) as error:
        raise _explained(account, error, client.refused) from error
    return connection


async def fetch_host_key(host: str, port: int, *, must_be_public: bool = False) -> HostKey:
    """Ask a machine for its key; nothing else is said. Raises: Unreachable."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            sock = await _connected(host, port, must_be_public=must_be_public)
            key = await asyncssh.get_server_host_key(sock=sock, config=None, server_host_key_algs=_algorithms())
    except (asyncssh.Error, OSError) as error:
        raise Unreachable(f"{host}:{port} cannot be reached: {_reason(error)}.") from error
    if key is None:
        raise Unreachable(f"{host}:{port} has shown no key.")
    return HostKey.of(key)


async def _connected(host: str, port: int, *, must_be_public: bool) -> socket.socket:
    """A connected socket; the address that is checked is the one that is spoken to."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if must_be_public and not all(is_public(str(address[0])) for *_, address in answers):
        raise OSError(errno.EACCES, "the address leads to a private network, which this server does not allow")
    last: OSError | None = None
    for family, kind, protocol, _, address in answers:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
            return sock
        except OSError as error:
            last = error
            sock.close()
        except BaseException:
            sock.close()
            raise
    raise last or OSError(errno.EHOSTUNREACH, "the network does not lead there")


def _nobody(*_: object) -> tuple[list[Any], ...]:
    """No key is known beforehand: each is shown to the client, and the server's own `known_hosts` is not read."""
    return [], [], [], [], [], [], []


def _algorithms() -> list[str]:
    return [name.decode("ascii") for name in get_default_public_key_algs()]


def _approved_first(approved: HostKey) -> list[str]:
    """A machine with several keys shows the approved one; one that has it no more shows what it has instead."""
    ours = [name.decode("ascii") for name in approved.key.sig_algorithms]
    return [*ours, *(name for name in _algorithms() if name not in ours)]


def _credentials(account: SshAccount) -> dict[str, Any]:
    if account.private_key is not None:
        key = asyncssh.import_private_key(account.private_key)
        return {"client_keys": [key], "password": None, "preferred_auth": ["publickey"]}
    preferred = ["password", "keyboard-interactive"]
    return {"client_keys": None, "password": account.password or "", "preferred_auth": preferred}


def _explained(account: SshAccount, error: Exception, refused: HostKey | None) -> SandboxError:
    place = f"{account.host}:{account.port}"
    if refused is not None:
        approved = HostKey.read(account.host_key)
        hint = (
            "If the machine was set up anew, approve its new key in the environment's settings; if not, somebody may "
            "stand in between."
        )
        return HostKeyChanged(
            f"{place} has another host key than the approved one: {refused.fingerprint} instead of "
            f"{approved.fingerprint}. Nothing was sent to it.",
            hint=hint,
        )
    if isinstance(error, asyncssh.PermissionDenied):
        what = "key" if account.private_key is not None else "password"
        hint = f"Check the user name and the {what} in the environment's settings."
        return SignInRefused(f"{place} does not accept this {what} for {account.username}.", hint=hint)
    return Unreachable(f"{place} cannot be reached: {_reason(error)}.")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, socket.gaierror):
        return "there is no machine of that name"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, OSError):
        return error.strerror or "the network does not lead there"
    reason = getattr(error, "reason", "") or "it broke off"
    return str(reason).rstrip(".")[:200]
