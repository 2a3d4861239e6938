"""Environments as their page shows them: what each is, how its last test went, which key its sessions work with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import formats, timezone
from django.utils.translation import gettext

from accounts.tenancy import Role, TenantQuerySet
from accounts.wording import told
from environments import credentials, secrets, services
from environments.models import Environment, EnvironmentCheck, EnvironmentKind
from environments.schemas import CheckOut
from gateway.keys import Origin, Source
from gateway.models import KeyForm
from pages.environment_form import ICONS


@dataclass
class Card:
    """One environment as the page shows it."""

    row: Environment
    last_check: EnvironmentCheck | None
    source: Source
    status: dict[str, Any] | None = None

    @property
    def icon(self) -> str:
        return ICONS[self.row.kind]

    @property
    def name(self) -> str:
        return told(self.row.name)

    @property
    def description(self) -> str:
        return told(self.row.description)

    @property
    def kind(self) -> str:
        return told(str(EnvironmentKind(self.row.kind).label))

    @property
    def place(self) -> str:
        """Where it is, in a few words of its own configuration."""
        config = self.row.config
        match self.row.kind:
            case EnvironmentKind.DOCKER:
                return config.get("image") or gettext("its own Dockerfile")
            case EnvironmentKind.SSH:
                port = "" if config.get("port") == 22 else f":{config.get('port')}"
                return f"{config.get('username')}@{config.get('host')}{port}"
            case EnvironmentKind.MODAL:
                return str(config.get("app", ""))
            case _:
                return ""

    @property
    def lacks(self) -> str:
        """The secret without which nothing can begin there; empty when there is one, or none is needed."""
        match self.row.kind:
            case EnvironmentKind.SSH:
                needed = "password" if self.row.config.get("auth") == "password" else "private_key"
            case EnvironmentKind.MODAL if not settings.MODAL_TOKEN_ID:
                needed = "token_id"
            case _:
                return ""
        return "" if needed in secrets.secrets_of(self.row) else needed

    @property
    def model_key(self) -> str:
        return said_of(self.source)

    @property
    def has_run_out(self) -> bool:
        return self.source.has_run_out(timezone.now())

    @property
    def is_showing(self) -> bool:
        """Whether agents see its folder of settings."""
        return credentials.is_shown(self.row)

    @property
    def check_json(self) -> dict[str, Any] | None:
        return CheckOut.from_orm(self.last_check).model_dump(mode="json") if self.last_check else None

    @property
    def data_id(self) -> str:
        """Of the test's data in the page."""
        return f"environment-{self.row.pk}-test"


def cards_of(rows: TenantQuerySet[Environment], organization_id: uuid.UUID, role: Role | None) -> list[Card]:
    """As many queries for many as for one."""
    newest = EnvironmentCheck.objects.filter(environment=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found: list[Any] = list(rows.annotate(last_check_id=Subquery(newest)).prefetch_related("secrets"))
    checks = EnvironmentCheck.objects.in_bulk([row.last_check_id for row in found if row.last_check_id])
    sources = services.sources_of(organization_id, found, role)
    return [Card(row, checks.get(row.last_check_id), sources[row.pk]) for row in found]


def said_of(source: Source) -> str:
    """What sessions there call the model with, in a line."""
    match source.origin:
        case Origin.PLACE:
            return _own(source)
        case Origin.ORGANIZATION if source.last_four:
            return gettext("The organisation's key, …{end}").format(end=source.last_four)
        case Origin.ORGANIZATION:
            return gettext("The organisation's key")
        case Origin.DEPLOYMENT:
            return gettext("This server's key")
        case _:
            return gettext("Practice model (no key)")


def _own(source: Source) -> str:
    is_token, end = source.form == KeyForm.OAUTH, source.last_four
    text = gettext("Its own OAuth token") if is_token else gettext("Its own API key")
    if end:
        own = gettext("Its own OAuth token, …{end}") if is_token else gettext("Its own API key, …{end}")
        text = own.format(end=end)
    if source.expires_at is None:
        return text
    until = formats.date_format(timezone.localtime(source.expires_at), "DATETIME_FORMAT")
    has_run_out = source.has_run_out(timezone.now())
    ends = gettext("{what}; it ran out on {when}") if has_run_out else gettext("{what}; it runs out on {when}")
    return ends.format(what=text, when=until)
