"""What the templates of all pages need: the frame's parts, states in words, form fields."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from allauth.usersessions.models import UserSession
from django import template
from django.conf import settings
from django.forms import BaseForm, BoundField, CheckboxInput, PasswordInput, Select
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import browsers
from accounts.tenancy import Role
from accounts.wording import told
from projects.models import Project, ProjectStatus
from sessions.models import AgentSession, SessionStatus

register = template.Library()


class Status(NamedTuple):
    word: Any
    meaning: str


WAITING = Status(_("Waits for you"), "waiting")
WAITING_FOR_OTHERS = Status(_("Waits for an answer"), "waiting")
STATUSES = {
    SessionStatus.INITIALIZING: Status(_("New"), "stopped"),
    SessionStatus.RUNNING: Status(_("Running"), "running"),
    SessionStatus.WAITING_INPUT: Status(_("Ready"), "stopped"),
    SessionStatus.COMPLETED: Status(_("Done"), "done"),
    SessionStatus.ERROR: Status(_("Failed"), "failed"),
    SessionStatus.STOPPED: Status(_("Stopped"), "stopped"),
}


@register.simple_tag(takes_context=True)
def status_of(context: template.Context, session: AgentSession) -> Status:
    """A session's state in a word for whoever looks, and which of the four meanings it has."""
    if getattr(session, "is_waiting", False):
        return WAITING if context.get("can_write") else WAITING_FOR_OTHERS
    return STATUSES[SessionStatus(session.status)]


@register.simple_tag
def project_choices(projects: list[Project]) -> list[dict[str, str]]:
    """The projects that a session can be started in, for the dialog."""
    ready = [project for project in projects if project.status == ProjectStatus.READY]
    return [{"id": str(one.pk), "name": one.name, "organization_id": str(one.organization_id)} for one in ready]


@register.simple_tag
def upload_limit() -> int:
    """Bytes of an uploaded archive at most."""
    return settings.UPLOAD_MAX_BYTES


@register.simple_tag
def focus_of(form: BaseForm) -> str:
    """Where somebody goes on writing: the first field that is wrong, else the first that is empty."""
    fields = [field for field in form.visible_fields() if not isinstance(field.field.widget, CheckboxInput)]
    wrong = [field.name for field in fields if field.errors]
    empty = [field.name for field in fields if not field.value() or isinstance(field.field.widget, PasswordInput)]
    return next(iter([*wrong, *empty]), "")


@register.inclusion_tag("partials/form_field.html")
def form_field(field: BoundField, focus: str = "") -> dict[str, Any]:
    """A labelled control with its errors and its help; `focus` names the field that has the focus at first."""
    widget = field.field.widget
    is_box = isinstance(widget, CheckboxInput)
    attributes: dict[str, str | bool] = {} if is_box else {"class": "input"}
    if field.name == "code":
        attributes |= {"class": "input code-field", "autocomplete": "one-time-code", "autocapitalize": "characters"}
        attributes |= {"spellcheck": "false"}
    # allauth repeats the label as placeholder, which looks filled in, and has its own mind about the focus.
    for name in ("placeholder", "autofocus"):
        widget.attrs.pop(name, None)
    if field.name == focus:
        attributes["autofocus"] = True
    if field.errors:  # it takes the place of the help
        attributes["aria-describedby"] = f"{field.auto_id}_error"
    is_secret = isinstance(widget, PasswordInput)
    return {
        "field": field,
        "control": field.as_widget(attrs=attributes),
        "help_text": field.help_text,
        "is_box": is_box,
        "is_secret": is_secret,
        "is_choice": isinstance(widget, Select),  # what is not chosen has a word of its own among its options
    }


@register.filter("told")
def told_in_language(text: str) -> str:
    """What a row, an error or a report says in English, in the page's language."""
    return told(str(text))


CODE = re.compile(r"`([^`]+)`")


@register.filter
def with_code(text: str) -> SafeString:
    """A text in which commands that stand between backticks are shown as code."""
    pieces = enumerate(CODE.split(text))
    return format_html_join("", "{}", ((format_html("<code>{}</code>", one) if at % 2 else one,) for at, one in pieces))


@register.filter
def without_marks(text: str) -> str:
    """The same where there is no room for code, as in a title."""
    return text.replace("`", "")


@register.filter
def initials(name: str) -> str:
    """One or two letters to know somebody by."""
    words = [word for word in name.split() if word[0].isalnum()]
    chosen = words[:1] + words[1:][-1:]
    return "".join(word[0] for word in chosen).upper() or "?"


ROLES = {Role.VIEWER: _("Viewer"), Role.MEMBER: _("Member"), Role.ADMIN: _("Admin"), Role.OWNER: _("Owner")}


@register.simple_tag
def role_word(role: str) -> Any:
    return ROLES[Role(role)]


@register.simple_tag
def recognized(rows: list[UserSession]) -> list[tuple[UserSession, browsers.Browser]]:
    """Signed-in browsers with what they call themselves."""
    return [(one, browsers.recognize(one.user_agent)) for one in rows]


class Summary(NamedTuple):
    """A project at a glance: how many of its sessions are in which state, and those that matter most now."""

    waiting: int
    running: int
    failed: int
    total: int
    last_at: datetime
    sessions: list[AgentSession]
    shown: list[AgentSession]


MOST_SHOWN = 6
URGENT = ("waiting", "running", "failed")


@register.simple_tag
def summary_of(project: Project) -> Summary:
    rows: list[AgentSession] = project.shown_sessions  # type: ignore[attr-defined]

    def urgency(row: AgentSession) -> tuple[int, float]:
        meaning = "waiting" if row.is_waiting else STATUSES[SessionStatus(row.status)].meaning  # type: ignore[attr-defined]
        return URGENT.index(meaning) if meaning in URGENT else len(URGENT), -row.updated_at.timestamp()

    states = [STATUSES[SessionStatus(row.status)].meaning for row in rows if not row.is_waiting]  # type: ignore[attr-defined]
    ordered = sorted(rows, key=urgency)
    return Summary(
        waiting=len(rows) - len(states),
        running=states.count("running"),
        failed=states.count("failed"),
        total=len(rows),
        last_at=max([project.created_at, *(row.updated_at for row in rows)]),
        sessions=ordered,
        shown=ordered[:MOST_SHOWN],
    )
