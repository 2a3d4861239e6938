"""What a sandbox is to be made of: one frozen data class per kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

Runtime = Literal["runc", "runsc"]
Storage = Literal["folder", "volume"]


@dataclass(frozen=True)
class Mount:
    """A folder of the server, shown read-only at `target` inside. Every parent must belong to the server; no links."""

    source: Path
    target: str


@dataclass(frozen=True)
class LocalSpec:
    """A sandbox on the server's own machine, by bubblewrap.

    `root` is made by the sandbox (0700) and removed with it; its parent must exist, and keeps the guest's archive in
    `.guest`. `gateway_dir` holds `api.sock`, the only way out. `allow_unconfined` permits plain processes where
    bubblewrap cannot be used: the agent then is the server's user.
    """

    kind: ClassVar[str] = "local"

    machine_id: str
    root: Path
    mounts: tuple[Mount, ...]
    gateway_dir: Path | None
    lifetime_s: int
    allow_unconfined: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """Where it runs: specs with the same place and deployment have the same sandboxes beside them."""
        return (self.kind, str(self.root.parent))


@dataclass(frozen=True)
class DockerSpec:
    """A sandbox in a container of its own, on a Docker engine of this machine.

    `root` is as in `LocalSpec`; state, home and work tree are folders in it, owned by the user inside, so that they
    outlive the container. With the storage "volume" home and work tree are volumes of the engine instead, named after
    `root`. Altogether they may hold `disk_bytes`. `engine` is the daemon's address ("unix:///…"; None: as Docker's own
    client finds it). `network` is "none", or one that the operator made. `deployment` says whose containers these are
    where several servers share an engine; `labels` (such as "session" and its id) tell operators the rest.
    """

    kind: ClassVar[str] = "docker"

    machine_id: str
    root: Path
    mounts: tuple[Mount, ...]
    gateway_dir: Path | None
    lifetime_s: int
    image: str
    engine: str | None = None
    runtime: Runtime = "runc"
    network: str = "none"
    read_only_root: bool = True
    memory_bytes: int = 2 * 2**30
    cpus: float = 2.0
    pids: int = 512
    tmp_bytes: int = 512 * 2**20
    disk_bytes: int = 10 * 2**30
    storage: Storage = "folder"
    deployment: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[str, ...]:
        """As in `LocalSpec`."""
        return (self.kind, self.engine or "")


@dataclass(frozen=True)
class SshAccount:
    """An account on a machine that is reached over SSH: by its private key, or else by its password.

    `host_key` ("algorithm base64") is the machine's, as a person approved it; no other is ever spoken to.
    `must_be_public` refuses addresses of private networks.
    """

    host: str
    port: int
    username: str
    host_key: str
    private_key: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    must_be_public: bool = False


@dataclass(frozen=True)
class SshSpec:
    """A sandbox on another machine: a folder below `work_dir` (which may begin with `~/`), and processes.

    It confines nothing: what runs in it may do all that the account may. `folder` is a name; `deployment` tells whose
    it is, where several share an account. `gateway_dir` holds the `api.sock` that is led there, and the `agent.sock`
    of a lent SSH agent.
    """

    kind: ClassVar[str] = "ssh"

    machine_id: str
    deployment: str
    account: SshAccount
    work_dir: str
    folder: str
    gateway_dir: Path | None
    lifetime_s: int
    lends_agent: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """Where it runs: specs with the same place and deployment have the same sandboxes beside them."""
        account = self.account
        return (self.kind, f"{account.username}@{account.host}:{account.port}", self.work_dir)


@dataclass(frozen=True)
class ModalCredential:
    """A token of a Modal workspace."""

    token_id: str
    token_secret: str = field(repr=False)


@dataclass(frozen=True)
class ModalSpec:
    """A sandbox at Modal.

    Without a `credential` the variables MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are used. `image` names one in a registry
    that has Python and git; empty means our own, with the agent's program of `agent_version`. The work tree and home
    live on volumes of the organisation, in a folder named `home_id`. The sandbox ends after `idle_timeout_s` seconds
    without use, at the latest after `longest_s` (Modal allows 24 hours). `gateway_dir` holds `api.sock`, which is
    carried inside; besides it nothing can be reached when `block_network`, else the names in `domains`, and all when
    there are none.
    """

    kind: ClassVar[str] = "modal"

    machine_id: str
    home_id: str
    organization_id: str
    deployment: str
    labels: tuple[tuple[str, str], ...]
    credential: ModalCredential | None
    app: str
    image: str
    agent_version: str
    cpus: float
    memory_mb: int
    block_network: bool
    domains: tuple[str, ...]
    skills_volume: str
    gateway_dir: Path | None
    lifetime_s: int
    idle_timeout_s: int
    longest_s: int

    @property
    def place(self) -> tuple[str, ...]:
        """As in `LocalSpec`: an app of a workspace."""
        return (self.kind, self.credential.token_id if self.credential else "", self.app)


AnySpec = LocalSpec | DockerSpec | SshSpec | ModalSpec
