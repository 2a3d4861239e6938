"""The form that adds and changes environments: what was sent, what is wrong with it, and how it is shown again."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.errors import DomainError, Invalid
from accounts.wording import told
from environments import configs, isolation, secrets
from environments.errors import KindNotAvailable
from environments.models import Environment, EnvironmentKind
from environments.services import clean_name
from pages.environment_fields import FormField, config_fields, secret_fields

ICONS = {"HOST": "server", "DOCKER": "container", "SSH": "network", "MODAL": "cloud"}
ABOUT: Mapping[str, str | Promise] = {
    EnvironmentKind.HOST: _("On the Slipway server, in a bubblewrap sandbox"),
    EnvironmentKind.DOCKER: _("In containers, from an image you choose"),
    EnvironmentKind.SSH: _("On your own machine"),
    EnvironmentKind.MODAL: _("In Modal's cloud"),
}


@dataclass
class Kind:
    """One kind with its fields, as the form offers it."""

    value: str
    label: str
    about: str | Promise
    icon: str
    fields: list[FormField]
    secrets: list[FormField]
    refusal: str = ""  # why it cannot be used here

    @property
    def shown(self) -> list[FormField]:
        return [one for one in self.fields if not one.is_folded]

    @property
    def folded(self) -> list[FormField]:
        return [one for one in self.fields if one.is_folded]

    @property
    def has_error_inside(self) -> bool:
        return any(one.error for one in self.folded)


@dataclass
class EnvironmentForm:
    """`row` is what is changed, None for a new one."""

    row: Environment | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))  # of the request, so that sending it twice makes one
    kind: str = ""
    name: str = ""
    description: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    general: str = ""
    kinds: list[Kind] = field(default_factory=list)

    @classmethod
    def new(cls, kind: str = "") -> EnvironmentForm:
        form = cls()
        form.kinds = [_kind(value, {}, None) for value in EnvironmentKind.values]
        usable = [one.value for one in form.kinds if not one.refusal]
        form.kind = kind if kind in usable else next((one for one in usable if one != EnvironmentKind.HOST), "")
        form.kind = form.kind or next(iter(usable), EnvironmentKind.HOST)
        return form

    @classmethod
    def of(cls, row: Environment) -> EnvironmentForm:
        form = cls(row=row, kind=row.kind, name=row.name, description=row.description)
        form.kinds = [_kind(row.kind, row.config, row)]
        return form

    @property
    def chosen(self) -> Kind:
        return next(one for one in self.kinds if one.value == self.kind)

    def read(self, data: Mapping[str, str]) -> None:
        """Take over what was sent; secrets are not kept in the page."""
        self.name, self.description = data.get("name", ""), data.get("description", "")[:500]
        with contextlib.suppress(ValueError):
            self.key = str(uuid.UUID(data.get("key", "")))
        if self.row is None and data.get("kind") in {one.value for one in self.kinds}:
            self.kind = data["kind"]
        for kind in self.kinds:
            for one in kind.fields:
                one.value = one.name in data if one.control == "check" else data.get(one.name, "").strip()

    def config(self) -> dict[str, Any]:
        """What the typed configuration is made of; what was left empty has its default."""
        given = (one for one in self.chosen.fields if one.control in ("check", "image") or one.value != "")
        return {_last(one.path): one.value for one in given}

    def given_secrets(self, data: Mapping[str, str]) -> dict[str, str | None]:
        """Those that were entered, and None for those that are to be forgotten."""
        found: dict[str, str | None] = {}
        for one in self.chosen.secrets:
            if not self._is_asked_for(one):
                continue
            if data.get(one.name):
                found[_last(one.path)] = data[one.name]
            elif f"forget-{one.name}" in data:
                found[_last(one.path)] = None
        return found

    def _is_asked_for(self, secret: FormField) -> bool:
        """Whether the form shows it: of two ways to sign in, the one that is chosen; the other stays as it is."""
        return secret.needed_for in ("", *(one.value for one in self.chosen.fields if one.path == "config.auth"))

    def _require_secrets(self, data: Mapping[str, str]) -> None:
        given = self.given_secrets(data)
        for one in self.chosen.secrets:
            name = _last(one.path)
            is_missing = given.get(name) is None if name in given else one.set_at is None
            if one.needed_for and self._is_asked_for(one) and is_missing:
                raise Invalid.field(one.path, gettext_noop("This is needed."))

    def _require_name(self) -> None:
        if not self.name.strip():
            raise Invalid.field("name", gettext_noop("Enter a name."))
        clean_name(self.name)

    def is_sound(self, data: Mapping[str, str]) -> bool:
        """Whether what can be known of the form alone is right; all that is not is shown at once."""
        checks = (
            self._require_name,
            lambda: configs.parse(self.kind, self.config()),
            lambda: self._require_secrets(data),
        )
        is_sound = True
        for check in checks:
            try:
                check()
            except Invalid as error:
                self.refuse(error)
                is_sound = False
        return is_sound

    def refuse(self, error: DomainError) -> None:
        """Show what is wrong at the fields that it is about, the rest above them."""
        by_path = {one.path: one for one in [*self.chosen.fields, *self.chosen.secrets]}
        rest = []
        for detail in error.details:
            path, message = str(detail.get("field")), told(str(detail.get("message")))
            if path in by_path:
                by_path[path].error = message
            elif path in ("name", "description", "kind"):
                self.errors[path] = told(error.message) if path == "name" and message == told("Taken.") else message
            else:
                rest.append(message)
        if rest or not error.details:
            self.general = told(error.message)


def _kind(value: str, config: Mapping[str, Any], row: Environment | None) -> Kind:
    names = secrets.SECRETS.get(value, ())
    known, hints = (secrets.secrets_of(row), secrets.hints_of(row)) if row else ({}, {})
    refusal = ""
    try:
        configs.require_available(value)
    except KindNotAvailable as error:
        refusal = told(error.message)
    fields = config_fields(value, config)
    if isolation.is_shared():
        fields = [one for one in fields if one.path != "config.mount_credentials"]
    return Kind(
        value=value,
        label=told(str(EnvironmentKind(value).label)),
        about=ABOUT[value],
        icon=ICONS[value],
        fields=fields,
        secrets=secret_fields(value, names, known, hints),
        refusal=refusal,
    )


def _last(path: str) -> str:
    return path.rpartition(".")[2]
