"""The fields of an environment's form, read off the typed configuration of its kind: what is new there shows here."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from environments import isolation
from environments.configs import MODELS
from environments.models import EnvironmentKind

Text = str | Promise


@dataclass(frozen=True)
class Wording:
    """How a field is called, what one should know about it, and its unit."""

    label: Text
    hint: Text = ""
    unit: Text = ""


WORDINGS: Mapping[str, Wording] = {
    "agent_path": Wording(_("Agent program"), _("Leave empty to use the server's copy, or the one found there.")),
    "app": Wording(_("App"), _("The Modal app that sandboxes belong to; created if missing.")),
    "auth": Wording(_("Sign in with")),
    "base_image": Wording(
        _("Base image"), _("From a registry; needs Python and Git. Empty: Slipway's own, with Claude Code.")
    ),
    "block_network": Wording(_("Block network except the model gateway")),
    "cpus": Wording(_("Processors"), unit=_("cores")),
    "disk_mb": Wording(
        _("Disk space"), _("For all files of a session. One whose files grow beyond it is stopped."), _("MB")
    ),
    "domains": Wording(_("Allowed hosts"), _("Comma-separated, when the network is not blocked. Empty: all.")),
    "host": Wording(_("Host"), _("A name or an address that this server can reach.")),
    "host_key": Wording(
        _("Host key"), _("Fetch it, and compare the fingerprint with the one that the machine itself shows.")
    ),
    "image": Wording(_("Container image"), _("Agents work in containers of this image.")),
    "lifetime_s": Wording(
        _("Maximum lifetime"), _("A longer session goes on in a new sandbox, with its files."), _("seconds")
    ),
    "memory_mb": Wording(_("Memory"), unit=_("MB")),
    "mount_credentials": Wording(
        _("Share the server's settings folder"),
        _(
            "Its settings, skills and tool sign-ins appear read-only in ~/.claude, and everything an agent runs can "
            "read them. Off is safer."
        ),
    ),
    "network": Wording(
        _("Network"),
        _("“none” leaves the model gateway as the only way out. Others must be set up on the Docker host."),
    ),
    "pids": Wording(_("Process limit")),
    "port": Wording(_("Port")),
    "read_only_root": Wording(_("Read-only image")),
    "runtime": Wording(_("Runtime")),
    "skills_volume": Wording(
        _("Skills volume"), _("Shown read-only to agents as their skills. It needs a token of this environment.")
    ),
    "storage": Wording(_("Storage")),
    "timeout_s": Wording(_("Stop when idle for"), unit=_("seconds")),
    "username": Wording(_("User")),
    "warm_pool": Wording(
        _("Warm sandboxes"), _("Started in advance for new sessions; each costs as much as a running one.")
    ),
    "work_dir": Wording(_("Working folder"), _("Sandboxes' files are kept below it.")),
}
OPTIONS: Mapping[str, Text] = {
    "key": _("A private key"),
    "password": _("A password"),
    "runc": _("runc: shares the host's kernel"),
    "runsc": _("gVisor: a kernel of its own"),
    "folder": _("Server folder"),
    "volume": _("Named volumes of the engine"),
}
SECRETS: Mapping[str, Wording] = {
    "password": Wording(_("Password"), _("Forgotten when host, port or user change.")),
    "private_key": Wording(_("Private key"), _("OpenSSH format, no passphrase. Use a key made for Slipway.")),
    "token_id": Wording(
        _("Token ID"), _("Of your account at Modal. Without one the server's own is used, if it has one.")
    ),
    "token_secret": Wording(_("Token secret")),
}
SIGN_IN_BY: Mapping[str, str] = {"password": "password", "private_key": "key"}  # the `auth` of an SSH machine
EXAMPLES: Mapping[str, str] = {
    "config.host_key": "ssh-ed25519 AAAA…",
    "config.image": "slipway-sandbox:latest",
    "secrets.private_key": "-----BEGIN OPENSSH PRIVATE KEY-----",
}
BY_DEFAULT_FOLDED = frozenset(
    {
        "agent_path",
        "base_image",
        "cpus",
        "disk_mb",
        "domains",
        "lifetime_s",
        "memory_mb",
        "mount_credentials",
        "network",
        "pids",
        "read_only_root",
        "skills_volume",
        "storage",
        "timeout_s",
        "warm_pool",
        "work_dir",
    }
)


@dataclass
class FormField:
    """One control as the template draws it. `control`: text, number, check, select, secret, area, image or host_key."""

    name: str  # of the control
    path: str  # as errors name it
    control: str
    wording: Wording
    value: Any = ""
    error: str = ""
    options: list[tuple[str, Text]] = field(default_factory=list)
    low: float | None = None
    high: float | None = None
    step: str = ""
    longest: int | None = None
    is_needed: bool = False
    is_folded: bool = False
    set_at: datetime | None = None  # of a secret that is stored
    secret_hint: str = ""
    needed_for: str = ""  # of a secret: the way to sign in that it serves; empty: it always may be given

    @property
    def example(self) -> str:
        """What one looks like; the same in every language."""
        return EXAMPLES.get(self.path, "")

    @property
    def id(self) -> str:
        return f"environment-{self.name}"


def config_fields(kind: str, values: Mapping[str, Any]) -> list[FormField]:
    """One for each setting of the kind, holding what is given, else the default."""
    return [_config_field(kind, name, info, values) for name, info in MODELS[kind].model_fields.items()]


def _config_field(kind: str, name: str, info: FieldInfo, values: Mapping[str, Any]) -> FormField:
    default = "" if info.default is PydanticUndefined else info.default
    kind_of = _plain(info.annotation)
    made = FormField(
        name=f"{kind.lower()}-{name}",
        path=f"config.{name}",
        control="text",
        wording=WORDINGS.get(name) or Wording(name.replace("_", " ").capitalize()),
        value=values.get(name, default),
        is_needed=info.is_required(),
        is_folded=name in BY_DEFAULT_FOLDED,
    )
    if name == "host_key" or (kind == EnvironmentKind.DOCKER and name == "image"):
        made.control = name
    elif get_origin(kind_of) is Literal:
        made.control = "select"
        usable = isolation.runtimes() if name == "runtime" else get_args(kind_of)
        made.options = [(one, OPTIONS.get(one, one)) for one in usable]
    elif kind_of is bool:
        made.control = "check"
    elif kind_of in (int, float):
        made.control, made.step = "number", "1" if kind_of is int else "any"
    for bound in info.metadata:
        if isinstance(bound, Ge):
            made.low = bound.ge  # type: ignore[assignment]
        elif isinstance(bound, Le):
            made.high = bound.le  # type: ignore[assignment]
        elif isinstance(bound, MaxLen):
            made.longest = bound.max_length
    return made


def _plain(annotation: Any) -> Any:
    """`int` of `int | None`."""
    if get_origin(annotation) is types.UnionType:
        return next(one for one in get_args(annotation) if one is not type(None))
    return annotation


def secret_fields(
    kind: str, names: tuple[str, ...], known: Mapping[str, datetime], hints: Mapping[str, str]
) -> list[FormField]:
    """One for each secret that the kind has; never with a value."""
    return [
        FormField(
            name=f"{kind.lower()}-secret-{name}",
            path=f"secrets.{name}",
            control="area" if name == "private_key" else "secret",
            wording=SECRETS.get(name) or Wording(name.replace("_", " ").capitalize()),
            set_at=known.get(name),
            secret_hint=hints.get(name, ""),
            needed_for=SIGN_IN_BY.get(name, ""),
        )
        for name in names
    ]
