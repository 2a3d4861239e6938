"""What is around every page: the chosen organisation and its tree."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch

from accounts.auth import ActorRequest
from accounts.models import Organization
from accounts.pages import chosen_organization, organizations_of
from accounts.tenancy import Actor, Role
from projects.models import Project
from sessions import queries, tree


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
            "tree": self._tree(role),
            "can_write": role.covers(Role.MEMBER),
            "is_admin": role.covers(Role.ADMIN),
            **more,
        }

    def _tree(self, role: Role) -> tree.FirstTree:
        data = tree.of_page(self.projects, self.organization.pk, self.actor.user.pk)
        about = {"organization_id": str(self.organization.pk), "user_id": str(self.actor.user.pk)}
        may = {"can_write": role.covers(Role.MEMBER), "is_admin": role.covers(Role.ADMIN)}
        return tree.FirstTree({**about, **may, **data}, self.projects, self.session_id)


def frame(actor: Actor, organization: Organization, session_id: uuid.UUID | None = None) -> Frame:
    """The same few queries however many projects and sessions there are."""
    sessions = (
        queries.listed(queries.unarchived())
        .select_related("machine", "environment", "created_by")
        .order_by("-created_at", "pk")
    )
    projects = Project.objects.visible_to(actor).filter(organization=organization).order_by("-created_at", "pk")
    listed = projects.prefetch_related(Prefetch("sessions", queryset=sessions, to_attr="shown_sessions"))
    return Frame(actor, organization, organizations_of(actor), list(listed), session_id)


def frame_of(request: ActorRequest) -> Frame:
    """Around a page of the organisation that the request is about."""
    return frame(request.actor, chosen_organization(request, organizations_of(request.actor)))
