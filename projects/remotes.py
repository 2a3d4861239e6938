"""Foreign repositories over https: which addresses are allowed; each transfer is pinned to the one that was checked."""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings

from projects import git, refs
from projects.errors import BadUrl, GitFailed, GitTimeout, NotARepository
from projects.repository import Repository, Watch, fsck_config
from runtime.addresses import is_public

MAX_URL = 2000  # characters
MAX_TOKEN = 1000  # characters
PROBE_TIMEOUT_S = 10.0
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_URL = re.compile(r'(?:(?![\\"<>^`{|}])[!-~])+')
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
_HEADS = re.compile(rb"([0-9a-f]{40,64})\t(\S+)")
_HEAD = re.compile(rb"ref: refs/heads/(\S+)\tHEAD")


@dataclass(frozen=True)
class Remote:
    """A checked address with the IP addresses that its host may be reached at."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def pin(self) -> str:
        """For `http.curloptResolve`: the name is not looked up again, so that it cannot move after the check."""
        bracketed = [f"[{address}]" if ":" in address else address for address in self.addresses]
        return f"{self.host}:{self.port}:{','.join(bracketed)}"


@dataclass(frozen=True)
class Advertisement:
    """What a repository says it has."""

    default_branch: str | None
    branches: list[str] = field(default_factory=list)


def check_url(url: str) -> Remote:
    """Parse an address and look up its host. Raises: BadUrl."""
    scheme, host, port = _parse(url)
    is_private = f"{host}:{port}" in settings.CLONE_PRIVATE_HOSTS
    if scheme == "http" and not is_private:
        raise _bad("Only https:// addresses can be imported.")
    return Remote(url, host, port, tuple(_resolve(host, port, allow_private=is_private)))


def check_token(token: str) -> str:
    """A token is one line of printable ASCII, since it goes into a header. Raises: BadUrl."""
    if len(token) > MAX_TOKEN or not token.isascii() or (token and not token.isprintable()) or " " in token:
        raise BadUrl.field("token", "This token has characters that no token has.")
    return token


def probe(remote: Remote, *, token: str, timeout_s: float = PROBE_TIMEOUT_S, watch: Watch = None) -> Advertisement:
    """Ask what is there: at least one branch. Raises: NotARepository; BadUrl (unreachable, or not for us)."""
    arguments = ("ls-remote", "--symref", remote.url, "HEAD", "refs/heads/*")
    limits = git.Limits(timeout_s=timeout_s)
    try:
        result = git.run(*arguments, net=_net(remote, token), limits=limits, watch=watch)
    except (GitFailed, GitTimeout) as error:
        raise explain(error) from error
    head = _HEAD.search(result.stdout)
    names = [name.decode(errors="replace").removeprefix("refs/heads/") for _, name in _HEADS.findall(result.stdout)]
    branches = [name for name in names if refs.is_branch(name)]
    if not branches:
        # A web page of one line passes for an empty repository, so the two cannot be told apart.
        raise NotARepository.field("url", "Not a Git repository, or one without any commit.")
    default = head[1].decode(errors="replace") if head else None
    return Advertisement(default if default in branches else None, branches)


def fetch(
    repository: Repository,
    remote: Remote,
    *,
    token: str,
    timeout_s: float,
    watch: Callable[[], None],
    on_progress: Callable[[str], None],
) -> None:
    """Copy branches and tags into an empty repository, each object checked. Raises: as `probe`, and GitTooLarge."""
    config = fsck_config("fetch", is_strict=False) | {"transfer.fsckObjects": "true", "fetch.unpackLimit": "1"}
    options = ("--progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
    refspecs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    try:
        repository.git(
            "fetch",
            *options,
            remote.url,
            *refspecs,
            net=_net(remote, token, config),
            limits=git.Limits(timeout_s=timeout_s),
            watch=watch,
            on_stderr=on_progress,
        )
    except (GitFailed, GitTimeout) as error:
        raise explain(error) from error


def _net(remote: Remote, token: str, config: dict[str, str] | None = None) -> git.Net:
    """Config by environment variables, which other users cannot read, unlike arguments."""
    values = {**(config or {}), "http.proxy": "", "http.lowSpeedLimit": "1", "http.lowSpeedTime": "60"}
    if remote.host not in remote.addresses:
        values["http.curloptResolve"] = remote.pin
    if token:
        user_and_password = token if ":" in token else f"x-access-token:{token}"
        credentials = base64.b64encode(user_and_password.encode()).decode()
        origin = "/".join(remote.url.split("/", 3)[:3])
        values[f"http.{origin}/.extraHeader"] = f"Authorization: Basic {credentials}"
    return git.Net(protocols=urlsplit(remote.url).scheme, config=values)


def explain(error: GitFailed | GitTimeout) -> BadUrl | NotARepository:
    """The one sentence that helps; git's own words may quote a hostile server and stay in the log."""
    said = error.stderr
    if isinstance(error, GitTimeout):
        return _bad("The server did not answer in time.")
    if re.search(r"error: 30[1-8]|redirect", said):
        return _bad("The server redirects to another address; enter the final one (often it ends in .git).")
    if re.search(r"could not read (Username|Password)|Authentication failed|error: 40[13]", said):
        return _bad("The server asks for a sign-in: the token is missing or wrong, or there is no such repository.")
    if re.search(r"fsck error|fsckObjects|bad object|hasDot|gitmodules|error in object", said):
        return _bad("The repository has broken or dangerous objects.")
    if re.search(
        r"Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|SSL|certificate", said
    ):
        return _bad("The server cannot be reached, or its certificate is not valid.")
    if re.search(r"not found|not valid: |is this a git repository|error: 404|unexpected|mismatched algorithms", said):
        return NotARepository.field("url", "Not a Git repository")
    return _bad("The import failed: the server's answer was not understood.")


def _bad(message: str) -> BadUrl:
    return BadUrl.field("url", message)


def _parse(url: str) -> tuple[str, str, int]:
    """Scheme, lower-case host and port; strict, since `urlsplit` forgives much (it drops newlines)."""
    if (
        not 0 < len(url) <= MAX_URL
        or not all("!" <= letter <= "~" for letter in url)
        or re.search(r'[\\"<>^`{|}]', url)
    ):
        raise _bad("This is not a valid address.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad("This is not a valid address.") from error
    if parts.scheme not in ("https", "http"):
        raise _bad("Only https:// addresses can be imported.")
    if "@" in parts.netloc:
        raise _bad("The address must not hold a user name or password; use the token field.")
    host = (parts.hostname or "").rstrip(".")
    if "?" in url or "#" in url or not parts.path.strip("/") or port == 0 or not _is_host(host):
        raise _bad("This is not a valid address.")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _is_host(host: str) -> bool:
    """A DNS name or a plainly written IP address; `127.1`, octal and hexadecimal forms are neither."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(_HOST.fullmatch(host)) and not _NUMERIC.fullmatch(host.rsplit(".", 1)[-1])
    return "%" not in host


def _resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _bad("There is no server of that name.") from error
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not allow_private and not all(is_public(address) for address in addresses):
        raise _bad("This address leads to a private network.")
    return addresses
