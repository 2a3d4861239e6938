"""An organisation's tree of projects and sessions, as the sidebar shows it: as many queries however large it is."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.tenancy import TenantQuerySet
from projects.models import Project
from sessions import queries
from sessions.models import AgentSession, PermissionRequest, PermissionStatus, SessionMark, SessionStatus

Row = dict[str, Any]

SHOWN_AT_FIRST, SPARED = 8, 2  # sessions of a project, as `tree-rows.ts` has them
FIELDS = (
    "pk",
    "project_id",
    "created_by_id",
    "name",
    "title",
    "branch",
    "status",
    "git_status",
    "last_seq",
    "created_at",
    "updated_at",
)


def session_row(session: AgentSession) -> Row:
    """What the tree needs of a session, the same for everybody; `is_waiting` comes with the query."""
    return {
        "id": str(session.pk),
        "project_id": str(session.project_id),
        "author_id": str(session.created_by_id) if session.created_by_id else None,
        "name": session.name,
        "title": session.title,
        "branch": session.branch,
        "status": session.status,
        "is_waiting": session.is_waiting,  # type: ignore[attr-defined]
        "git_status": session.git_status,
        "last_seq": session.last_seq,
        "created_at": session.created_at.isoformat(),
        "updated_at": session.updated_at.isoformat(),
    }


def project_row(project: Project) -> Row:
    return {
        "id": str(project.pk),
        "name": project.name,
        "status": project.status,
        "created_at": project.created_at.isoformat(),
    }


def mark_row(mark: SessionMark) -> Row:
    return {
        "session_id": str(mark.session_id),
        "last_read_seq": mark.last_read_seq,
        "is_pinned": mark.is_pinned,
        "position": mark.position,
    }


def session_rows(organization_id: uuid.UUID, only: Collection[uuid.UUID] | None = None) -> list[Row]:
    """Those that are not archived; with `only` those of them."""
    rows: TenantQuerySet[AgentSession] = queries.unarchived().filter(organization_id=organization_id)
    if only is not None:
        rows = rows.filter(pk__in=only)
    pending = PermissionRequest.objects.filter(session=OuterRef("pk"), status=PermissionStatus.PENDING)
    return [session_row(row) for row in rows.annotate(is_waiting=Exists(pending)).only(*FIELDS)]


def project_rows(organization_id: uuid.UUID) -> list[Row]:
    """Newest first."""
    rows = Project.objects.filter(organization_id=organization_id).order_by("-created_at", "pk")
    return [project_row(row) for row in rows.only("pk", "name", "status", "created_at")]


def mark_rows(organization_id: uuid.UUID, user_id: uuid.UUID, only: Collection[uuid.UUID] | None = None) -> list[Row]:
    """What one person has noted about sessions that lists show."""
    is_shown = Q(session__deleted_at=None, session__archived_at=None)
    rows = SessionMark.objects.filter(is_shown, organization_id=organization_id, user_id=user_id)
    if only is not None:
        rows = rows.filter(session_id__in=only)
    return [mark_row(row) for row in rows]


def whole(organization_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, list[Row]]:
    """All of it, for one person."""
    return {
        "projects": project_rows(organization_id),
        "sessions": session_rows(organization_id),
        "marks": mark_rows(organization_id, user_id),
    }


def of_page(projects: Iterable[Project], organization_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, list[Row]]:
    """The same, made of the rows that a page has fetched already."""
    projects = list(projects)
    return {
        "projects": [project_row(project) for project in projects],
        "sessions": [session_row(session) for project in projects for session in project.shown_sessions],  # type: ignore[attr-defined]
        "marks": mark_rows(organization_id, user_id),
    }


@dataclass(frozen=True)
class FirstTree:
    """The tree as it is before the page's script makes it live: the data for that, and the rows to show until then."""

    data: dict[str, Any]
    projects: list[Project]
    session_id: uuid.UUID | None

    @property
    def groups(self) -> list[tuple[Project | None, list[AgentSession], int]]:
        """Pinned sessions, then each project with its first few and how many more it has."""
        marks = {mark["session_id"]: mark for mark in self.data["marks"]}
        pinned: list[AgentSession] = []
        found: list[tuple[Project | None, list[AgentSession], int]] = []
        for project in self.projects:
            sessions: list[AgentSession] = project.shown_sessions  # type: ignore[attr-defined]
            ordered = sorted(sessions, key=lambda one: _standing(marks.get(str(one.pk))))
            rest = [one for one in ordered if not _is_pinned(marks.get(str(one.pk)))]
            pinned += [one for one in sessions if _is_pinned(marks.get(str(one.pk)))]
            few = len(rest) if len(rest) <= SHOWN_AT_FIRST + SPARED else SHOWN_AT_FIRST
            shown = [one for at, one in enumerate(rest) if at < few or self._must_show(one)]
            found.append((project, shown, len(rest) - len(shown)))
        pinned.sort(key=lambda one: (*_standing(marks.get(str(one.pk))), -one.created_at.timestamp()))
        return [*([(None, pinned, 0)] if pinned else []), *found]

    def _must_show(self, session: AgentSession) -> bool:
        is_busy = session.status == SessionStatus.RUNNING or bool(session.is_waiting)  # type: ignore[attr-defined]
        return is_busy or session.pk == self.session_id


def _is_pinned(mark: dict[str, Any] | None) -> bool:
    return bool(mark and mark["is_pinned"])


def _standing(mark: dict[str, Any] | None) -> tuple[bool, int]:
    """Those without a place first, as they come (the newest first); then the others by their places."""
    position = mark["position"] if mark else None
    return (position is not None, position or 0)
