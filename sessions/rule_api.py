"""The API of permission rules; docs/api.md describes it."""

from __future__ import annotations

import uuid
from typing import Any

from ninja import Router

from accounts.auth import ActorRequest
from accounts.tenancy import Role, fetch
from projects.models import Project
from sessions import queries, services
from sessions.schemas import RulesOut

router = Router(tags=["sessions"])


@router.get("/projects/{uuid:project_id}/rules", response=RulesOut)
def list_project_rules(request: ActorRequest, project_id: uuid.UUID) -> dict[str, Any]:
    """What agents may do without asking in all sessions of a project, oldest first."""
    project = fetch(Project, request.actor, project_id)
    return {"items": list(queries.rules_of_project(project.pk))}


@router.get("/sessions/{uuid:session_id}/rules", response=RulesOut)
def list_session_rules(request: ActorRequest, session_id: uuid.UUID) -> dict[str, Any]:
    """What the agent may do without asking in a session: its own rules and its project's, oldest first."""
    return {"items": list(queries.rules_of(fetch(queries.sessions(), request.actor, session_id)))}


@router.delete("/rules/{uuid:rule_id}", response={204: None})
def remove_rule(request: ActorRequest, rule_id: uuid.UUID) -> None:
    """Let agents ask again, from their next turn on."""
    rule = fetch(queries.rules(), request.actor, rule_id, Role.MEMBER)
    services.remove_rule(rule=rule, by=request.actor.user)
