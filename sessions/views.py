"""The pages: dashboard, session, settings, and the sidebar's tree as a fragment."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.auth import ActorRequest
from accounts.models import Organization
from accounts.pages import chosen_organization, keep_organization, organizations_of
from accounts.tenancy import Actor, Role, fetch
from gateway import services as gateway
from projects.models import Project
from sessions import queries


@dataclass(frozen=True)
class Frame:
    """What is around every page: the organisations and the tree of the chosen one."""

    actor: Actor
    organization: Organization
    organizations: list[Organization]
    projects: list[Project]
    session_id: uuid.UUID | None = None

    def context(self, **more: Any) -> dict[str, Any]:
        """For a template that extends `app.html`."""
        role = self.actor.role_in(self.organization.pk) or Role.VIEWER
        return {
            "organization": self.organization,
            "organizations": self.organizations,
            "projects": self.projects,
            "session_id": self.session_id,
            "can_write": role.covers(Role.MEMBER),
            "is_admin": role.covers(Role.ADMIN),
            **more,
        }


def frame(actor: Actor, organization: Organization, session_id: uuid.UUID | None = None) -> Frame:
    """The same few queries however many projects and sessions there are."""
    sessions = queries.listed(queries.sessions()).order_by("-created_at", "pk")
    projects = Project.objects.visible_to(actor).filter(organization=organization).order_by("-created_at", "pk")
    tree = projects.prefetch_related(Prefetch("sessions", queryset=sessions, to_attr="shown_sessions"))
    return Frame(actor, organization, organizations_of(actor), list(tree), session_id)


def frame_of(request: ActorRequest) -> Frame:
    """Around a page of the organisation that the request is about."""
    return frame(request.actor, chosen_organization(request, organizations_of(request.actor)))


@require_safe
@login_required
def dashboard(request: ActorRequest) -> HttpResponse:
    around = frame_of(request)
    keep_organization(request, around.organization)
    is_practice = gateway.is_practice(around.organization.pk)
    return render(request, "pages/dashboard.html", around.context(is_practice=is_practice))


@require_safe
@login_required
def session(request: ActorRequest, session_id: uuid.UUID) -> HttpResponse:
    rows = queries.sessions().select_related("project", "environment", "organization")
    row = fetch(rows, request.actor, session_id)
    around = frame(request.actor, row.organization, row.pk).context(session=row)
    around["page"] = {
        "id": str(row.pk),
        "organization_id": str(row.organization_id),
        "project_id": str(row.project_id),
        "user_id": str(request.actor.user.pk),
        "version": settings.BUILD,
        "name": row.name,
        "branch": row.branch,
        "environment": row.environment.name if row.environment else "",
        "can_write": around["can_write"],
    }
    return render(request, "pages/session.html", around)


@require_safe
@login_required
def project(request: ActorRequest, project_id: uuid.UUID) -> HttpResponse:
    """A project's sessions, and what its agents may do without asking."""
    row = fetch(Project.objects.select_related("organization"), request.actor, project_id)
    around = frame(request.actor, row.organization)
    shown = next(one for one in around.projects if one.pk == row.pk)
    return render(request, "pages/project.html", around.context(project=shown))


@require_safe
@login_required
def sidebar(request: ActorRequest) -> HttpResponse:
    """The tree alone; the page asks for it again and again."""
    around = frame_of(request).context()
    try:
        around["session_id"] = uuid.UUID(request.GET.get("session", ""))
    except ValueError:
        around["session_id"] = None
    return render(request, "partials/tree.html", around)


COMPONENTS = {
    "tokens": "Tokens",
    "buttons": "Buttons",
    "fields": "Fields",
    "choices": "Choices",
    "states": "States, notes, empty",
    "lists": "Cards and tables",
    "overlays": "Menus, dialogs, toasts",
    "navigation": "Tabs and tree",
    "code": "Code and changes",
    "waiting": "Waiting",
}
COLOURS = [
    "accent",
    "accent-soft",
    *(f"{name}{end}" for name in ("running", "waiting", "done", "failed") for end in ("", "-soft")),
]


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for those who build with them."""
    if not settings.DEBUG:
        raise Http404
    parts = [(name, title, f"design/{name}.html") for name, title in COMPONENTS.items()]
    shown = {"parts": parts, "themes": ["light", "dark"], "digits": "0123456789", "colours": COLOURS, "panels": "1234"}
    return render(request, "design/page.html", shown)
