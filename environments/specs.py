"""Environment row -> the sandbox's own typed spec: one builder per kind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from environments import isolation, secrets
from environments.configs import DockerConfig, ModalConfig, SshConfig
from environments.deployment import deployment_id
from environments.images import choice
from environments.models import Environment, EnvironmentKind, Machine
from sandbox.errors import SandboxRefused
from sandbox.spec import AnySpec, DockerSpec, LocalSpec, ModalCredential, ModalSpec, Mount, SshAccount, SshSpec

CLI = "@anthropic-ai/claude-code"
NOBODY = uuid.UUID(int=0)


def home_folder(home_id: uuid.UUID) -> Path:
    """Where, on this machine, the files of a home lie; it outlives the sandboxes that use it."""
    return sandboxes_root() / str(home_id)


def sandboxes_root() -> Path:
    """The folder of all home folders on this machine."""
    return Path(settings.DATA_DIR) / "sandboxes"


def homes_here() -> dict[uuid.UUID, Path]:
    """The home folders on this machine, by the home's id."""
    root, found = sandboxes_root(), {}
    for path in root.iterdir() if root.is_dir() else ():
        with contextlib.suppress(ValueError):
            found[uuid.UUID(path.name)] = path
    return found


@dataclass(frozen=True)
class Facts:
    """What the database knows of a place besides the environment's row; read first, since specs are also made where it
    cannot be asked."""

    deployment: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    image: str = ""  # what its containers are made of


def facts_of(environments: Iterable[Environment]) -> dict[uuid.UUID, Facts]:
    """By the environment's id; as many queries for many as for one."""
    rows = list(environments)
    deployment, opened, images = deployment_id(), secrets.opened(rows), choice.images_of(rows)
    return {row.pk: Facts(deployment, opened.get(row.pk, {}), images.get(row.pk, "")) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What every kind of sandbox is asked for; each takes of it what it can give.

    `home_id` names what keeps the files (home, working tree, the guest's state): a folder or volumes that outlive the
    machine, and that the session's next machine in this environment goes on with. `mounts` says what to show where
    the kind can mount; others do not ask. `gateway_dir` holds the gateway's `api.sock`.
    """

    environment: Environment
    facts: Facts
    machine_id: str
    home_id: uuid.UUID
    session_id: uuid.UUID | None = None  # None: kept warm, for whichever session comes
    epoch: int = 0  # of the session, when the machine was made
    mounts: Callable[[], tuple[Mount, ...]] = tuple
    gateway_dir: Path | None = None

    @classmethod
    def of(
        cls, machine: Machine, facts: Facts, *, mounts: Callable[[], tuple[Mount, ...]], gateway_dir: Path | None
    ) -> Wanted:
        """What a machine's row says."""
        return cls(
            environment=machine.environment,
            facts=facts,
            machine_id=str(machine.id),
            home_id=machine.home_id or machine.subject_id or machine.id,
            session_id=machine.subject_id,
            epoch=machine.epoch,
            mounts=mounts,
            gateway_dir=gateway_dir,
        )

    @property
    def labels(self) -> dict[str, str]:
        """Whose it is, for labels and tags that the platform can be asked for; the machine's id comes besides."""
        return {
            "deployment": self.facts.deployment,
            "organization": str(self.environment.organization_id),
            "environment": str(self.environment.pk),
            "session": str(self.session_id or ""),
            "epoch": str(self.epoch),
        }


def spec_for(wanted: Wanted) -> AnySpec:
    """What to hand to `sandbox.open_sandbox` and `attach_sandbox` for this machine."""
    return BUILDERS[EnvironmentKind(wanted.environment.kind)](wanted)


def place_spec(environment: Environment, facts: Facts) -> AnySpec:
    """What names the place alone, to be asked what of ours runs there; nothing is started from it."""
    return spec_for(Wanted(environment=environment, facts=facts, machine_id="nobody", home_id=NOBODY))


def fingerprint(environment: Environment, facts: Facts, mounts: Callable[[], tuple[Mount, ...]]) -> str:
    """The same for all sandboxes that would be made alike there; secrets take no part, since they are not inside."""
    wanted = Wanted(environment=environment, facts=facts, machine_id="nobody", home_id=NOBODY, mounts=mounts)
    return hashlib.sha256(repr(spec_for(wanted)).encode()).hexdigest()


def folder_spec(folder: Path) -> LocalSpec:
    """What names a home folder on this machine, whatever machine uses it; nothing is started from it."""
    return LocalSpec(
        machine_id="nobody", root=folder, mounts=(), gateway_dir=None, lifetime_s=settings.SANDBOX_LIFETIME_S
    )


def _host(wanted: Wanted) -> LocalSpec:
    root = home_folder(wanted.home_id)
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalSpec(
        machine_id=wanted.machine_id,
        root=root,
        mounts=wanted.mounts(),
        gateway_dir=wanted.gateway_dir,
        lifetime_s=settings.SANDBOX_LIFETIME_S,
        allow_unconfined=settings.ALLOW_UNCONFINED,
    )


def _docker(wanted: Wanted) -> DockerSpec:
    config = DockerConfig.model_validate(wanted.environment.config)
    root = home_folder(wanted.home_id)
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return DockerSpec(
        machine_id=wanted.machine_id,
        root=root,
        mounts=wanted.mounts(),
        gateway_dir=wanted.gateway_dir,
        lifetime_s=settings.SANDBOX_LIFETIME_S,
        image=wanted.facts.image,
        engine=settings.DOCKER_HOST or None,
        runtime=config.runtime,
        network=config.network,
        read_only_root=config.read_only_root,
        memory_bytes=config.memory_mb * 2**20,
        cpus=config.cpus,
        pids=config.pids,
        disk_bytes=config.disk_mb * 2**20,
        storage=config.storage,
        deployment=wanted.facts.deployment,
        labels=tuple(wanted.labels.items()),
    )


def _ssh(wanted: Wanted) -> SshSpec:
    config = SshConfig.model_validate(wanted.environment.config)
    name = "private_key" if config.auth == "key" else "password"
    if (secret := wanted.facts.secrets.get(name)) is None:
        what = "private key" if config.auth == "key" else "password"
        raise SandboxRefused(f"Enter the {what} for {config.username}@{config.host} in the environment's settings.")
    account = SshAccount(
        host=config.host,
        port=config.port,
        username=config.username,
        host_key=config.host_key,
        must_be_public=must_be_public(config.host, config.port),
        **{name: secret},
    )
    return SshSpec(
        machine_id=wanted.machine_id,
        deployment=wanted.facts.deployment,
        account=account,
        work_dir=config.work_dir,
        folder=wanted.home_id.hex,
        gateway_dir=wanted.gateway_dir,
        lifetime_s=settings.SANDBOX_LIFETIME_S,
        lends_agent=isolation.lent_agent() is not None,
    )


def _modal(wanted: Wanted) -> ModalSpec:
    config = ModalConfig.model_validate(wanted.environment.config)
    credential, is_own = modal_credential(wanted.facts.secrets)
    if config.skills_volume and not is_own:
        raise SandboxRefused("A volume of skills needs a Modal token of the environment's own.")
    return ModalSpec(
        machine_id=wanted.machine_id,
        home_id=str(wanted.home_id),
        organization_id=str(wanted.environment.organization_id),
        deployment=wanted.facts.deployment,
        labels=tuple(wanted.labels.items()),
        credential=credential,
        app=config.app,
        image=config.base_image,
        agent_version=pinned_version(),
        cpus=config.cpus,
        memory_mb=config.memory_mb,
        block_network=config.block_network,
        domains=tuple(name.strip() for name in config.domains.split(",") if name.strip()),
        skills_volume=config.skills_volume if is_own else settings.MODAL_SKILLS_VOLUME,
        gateway_dir=wanted.gateway_dir,
        lifetime_s=min(settings.SANDBOX_LIFETIME_S, config.lifetime_s),
        idle_timeout_s=config.timeout_s,
        longest_s=config.lifetime_s,
    )


def modal_credential(secrets: Mapping[str, str]) -> tuple[ModalCredential, bool]:
    """The environment's own token, else the deployment's; and whether it is its own.

    Raises: SandboxRefused (there is neither, or half of one).
    """
    own = secrets.get("token_id"), secrets.get("token_secret")
    if any(own):
        if not all(own):
            raise SandboxRefused("Enter both halves of the Modal token, its id and its secret, in the environment.")
        return ModalCredential(str(own[0]), str(own[1])), True
    if not (settings.MODAL_TOKEN_ID and settings.MODAL_TOKEN_SECRET):
        raise SandboxRefused("Enter a Modal token, its id and its secret, in the environment's settings.")
    return deployment_credential(), False


def deployment_credential() -> ModalCredential:
    """The deployment's own token, for its operator's commands. Raises: SandboxRefused (it is not, or half set)."""
    if not (settings.MODAL_TOKEN_ID and settings.MODAL_TOKEN_SECRET):
        raise SandboxRefused("Set SLIPWAY_MODAL_TOKEN_ID and SLIPWAY_MODAL_TOKEN_SECRET, both halves of one token.")
    return ModalCredential(settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET)


def pinned_version() -> str:
    """The version of Claude Code that our driver was tested against."""
    return str(json.loads((Path(settings.AGENTS_DIR) / "claude" / "package.json").read_text())["dependencies"][CLI])


def must_be_public(host: str, port: int) -> bool:
    """Whether an SSH machine must not be in a private network: tenants are strangers there, save where allowed."""
    return settings.TENANCY == "multi" and f"{host}:{port}" not in settings.SSH_PRIVATE_HOSTS


BUILDERS: Mapping[EnvironmentKind, Callable[[Wanted], AnySpec]] = MappingProxyType(
    {
        EnvironmentKind.HOST: _host,
        EnvironmentKind.DOCKER: _docker,
        EnvironmentKind.SSH: _ssh,
        EnvironmentKind.MODAL: _modal,
    }
)
