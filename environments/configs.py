"""The closed, typed configuration of each kind of environment; an unknown key is an error, not a surprise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from accounts.errors import Invalid
from environments import isolation
from environments.errors import KindNotAvailable
from environments.images import names
from environments.images.names import BadImageName
from environments.models import EnvironmentKind

NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
HOST_KEY = r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}$"
# Far from what any shell takes for more than a name; sockets below the folder need their room, too.
REMOTE_FOLDER = r"^~?(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)+$"
REMOTE_FILE = r"^(~?(/\.?[A-Za-z0-9_@-][A-Za-z0-9._@-]*)+)?$"
DOMAIN = r"(\*\.)?[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})+"
DOMAINS = rf"^({DOMAIN}(, ?{DOMAIN})*)?$"
PROGRAM = r"^(/?[a-zA-Z0-9_.+@-]+(/[a-zA-Z0-9_.+@-]+)*)?$"


class Config(BaseModel):
    """`warm_pool` sandboxes wait, empty, for whichever session comes next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warm_pool: Annotated[int, Field(ge=0, le=10)] = 0

    place: ClassVar[frozenset[str]] = frozenset()
    """The fields by which running sandboxes are found; they stay while there are any."""


class MountingConfig(Config):
    """Of kinds that can show folders of the server inside."""

    mount_credentials: bool = False


class HostConfig(MountingConfig):
    """Sessions run on the server's own machine, each in a bubblewrap sandbox."""


class WithProgram(Config):
    """Where the agent's program is: a name on the PATH or a whole path inside.

    Empty: the server's own where it can be shown inside, else wherever one is found.
    """

    agent_path: Annotated[str, Field(pattern=PROGRAM, max_length=500)] = ""


def _image_name(text: str) -> str:
    try:
        return text and str(names.parse(text))
    except BadImageName as error:
        raise PydanticCustomError("image_name", "{said}", {"said": error.message}) from error


class DockerConfig(WithProgram, MountingConfig):
    """Sessions run in containers of one image."""

    image: Annotated[str, AfterValidator(_image_name)] = ""  # empty: the one of the environment's own Dockerfile
    memory_mb: Annotated[int, Field(ge=128, le=262_144)] = 2048
    cpus: Annotated[float, Field(ge=0.1, le=128)] = 2.0
    pids: Annotated[int, Field(ge=16, le=65_536)] = 512
    disk_mb: Annotated[int, Field(ge=256, le=16_777_216)] = 10_240
    storage: Literal["folder", "volume"] = "folder"
    runtime: Literal["runc", "runsc"] = "runc"
    network: Annotated[str, Field(pattern=NAME, max_length=100)] = "none"
    read_only_root: bool = True


class SshConfig(Config):
    """Sessions run on a machine reached over SSH; the secret part is stored apart, encrypted.

    `host_key` is the machine's key as a person approved it; only a machine with this key is ever spoken to.
    """

    place: ClassVar[frozenset[str]] = frozenset({"host", "port", "username", "work_dir"})

    host: Annotated[str, Field(pattern=NAME, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    username: Annotated[str, Field(pattern=NAME, max_length=64)]
    auth: Literal["key", "password"] = "key"
    host_key: Annotated[str, Field(pattern=HOST_KEY, max_length=3000)]
    work_dir: Annotated[str, Field(pattern=REMOTE_FOLDER, max_length=60)] = "~/.slipway"
    agent_path: Annotated[str, Field(pattern=REMOTE_FILE, max_length=500)] = ""


class ModalConfig(WithProgram):
    """Sessions run in Modal sandboxes.

    Without a `base_image` the image is our own: Debian slim, Python, git, Node, Claude Code, tmux. A sandbox that
    nothing uses ends after `timeout_s`; each ends after `lifetime_s`, and the next one goes on with its files. With an
    open network `domains` names what can be reached, separated by commas; empty: everything. `skills_volume` is shown
    read-only.
    """

    place: ClassVar[frozenset[str]] = frozenset({"app"})

    app: Annotated[str, Field(pattern=NAME, max_length=64)] = "slipway"
    base_image: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._/:@-]*)?$", max_length=255)] = ""
    timeout_s: Annotated[int, Field(ge=60, le=86_400)] = 600
    lifetime_s: Annotated[int, Field(ge=600, le=86_400)] = 86_400
    memory_mb: Annotated[int, Field(ge=128, le=262_144)] = 2048
    cpus: Annotated[float, Field(ge=0.125, le=64)] = 1.0
    block_network: bool = True
    domains: Annotated[str, Field(pattern=DOMAINS, max_length=2000)] = ""
    skills_volume: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]*)?$", max_length=64)] = ""


MODELS: dict[str, type[Config]] = {
    EnvironmentKind.HOST: HostConfig,
    EnvironmentKind.DOCKER: DockerConfig,
    EnvironmentKind.SSH: SshConfig,
    EnvironmentKind.MODAL: ModalConfig,
}

# Kinds whose backend exists; the others are shown as coming and refused.
BACKENDS = frozenset(EnvironmentKind)


def require_available(kind: str, config: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Raise KindNotAvailable for a kind without a backend, and for what this deployment does not allow."""
    if kind not in BACKENDS:
        label = EnvironmentKind(kind).label
        raise KindNotAvailable.field("kind", f"{label} environments are coming and cannot be used yet.")
    isolation.require_isolated(kind, config)


def parse(kind: str, config: dict[str, Any]) -> Config:
    """The typed config of this kind.

    Raises: Invalid, with one detail per bad field named `config.<field>`.
    """
    model = MODELS.get(kind)
    if model is None:
        raise Invalid.field("kind", f"Unknown kind of environment; choose one of {', '.join(EnvironmentKind.values)}.")
    try:
        return _allowed(model.model_validate(config))
    except ValidationError as error:
        details = [
            {"field": ".".join(["config", *map(str, item["loc"])]), "message": _sentence(item)}
            for item in error.errors()
        ]
        raise Invalid("The environment's configuration is not valid.", details=details) from error


FORMS = {
    "app": "Letters, digits, dots, dashes and underscores.",
    "agent_path": "The name of a program, or its whole path.",
    "host": "A host name or an address, without a user or a port.",
    "host_key": "Fetch the machine's key, compare it, and approve it.",
    "network": "The name of a network, or none.",
    "username": "The name of an account there.",
    "work_dir": "A folder that begins with ~/ or /, without spaces.",
}


def _sentence(item: ErrorDetails) -> str:
    """What is wrong with a field, for people."""
    context, field = item.get("ctx", {}), str(item["loc"][-1]) if item["loc"] else ""
    match item["type"]:
        case "missing":
            return FORMS.get(field, "This is needed.")
        case "string_pattern_mismatch":
            return FORMS.get(field, "This is not of the right form.")
        case "greater_than_equal":
            return f"At least {context['ge']:g}."
        case "less_than_equal":
            return f"At most {context['le']:g}."
        case "string_too_long":
            return f"At most {context['max_length']} characters."
        case "int_parsing" | "int_type" | "int_from_float":
            return "A whole number."
        case "float_parsing" | "float_type":
            return "A number."
        case "literal_error":
            return f"Choose one of these: {context['expected']}."
        case "extra_forbidden":
            return "There is no such setting."
        case _:
            return item["msg"].removeprefix("Value error, ")


def _allowed(config: Config) -> Config:
    """Raises: Invalid (this deployment serves people who do not trust one another)."""
    if isolation.is_shared() and isinstance(config, MountingConfig) and config.mount_credentials:
        message = "A server of several organisations shows no credentials to agents."
        raise Invalid.field("config.mount_credentials", message)
    return config
