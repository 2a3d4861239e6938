"""The API of what the caller asked before: nobody else's is ever shown."""

from __future__ import annotations

import uuid
from typing import Any

from ninja import Query, Router

from accounts.auth import ActorRequest
from accounts.tenancy import fetch
from projects.models import Project
from sessions import queries, services
from sessions.schemas import PromptsOut, PromptsQuery

router = Router(tags=["prompts"])


@router.get("/prompts", response=PromptsOut)
def list_prompts(request: ActorRequest, query: Query[PromptsQuery]) -> dict[str, Any]:
    """The caller's own prompts, the newest first: of one project or of all, with a text in them."""
    found = queries.prompts(request.actor.user).visible_to(request.actor)
    if query.project_id is not None:
        found = found.filter(project=fetch(Project, request.actor, query.project_id))
    if query.q:
        found = found.filter(text__icontains=query.q)
    return {"items": list(found.order_by("-last_used_at", "-pk")[: query.limit])}


@router.delete("/prompts/{uuid:prompt_id}", response={204: None})
def remove_prompt(request: ActorRequest, prompt_id: uuid.UUID) -> None:
    """Forget one of the caller's own prompts."""
    services.remove_prompt(prompt=fetch(queries.prompts(request.actor.user), request.actor, prompt_id))
