"""The dashboard, the session's page and the first turn."""

from __future__ import annotations

import contextlib
import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth import ActorRequest
from accounts.errors import Invalid
from accounts.models import Membership, Organization
from accounts.pages import chosen_organization, keep_organization, organizations_of
from accounts.tenancy import Role, fetch
from accounts.wording import told
from environments.models import Environment
from gateway import services as gateway
from pages.frame import frame, frame_of
from pages.templatetags.pages import summary_of
from projects import services as projects
from projects.models import Project
from sessions import queries, services

# What newcomers may begin with: a word, and what is asked of the agent.
SUGGESTIONS = [
    (_("Fix a failing test"), _("Run the tests, find out why one fails, and fix the program. Do not change the test.")),
    (_("Write a small program"), _("Write a small fizzbuzz program and test it.")),
    (_("Make a plan first"), _("Make a plan for a small calculator and its test, then carry it out when I agree.")),
]


@require_safe
@login_required
def dashboard(request: ActorRequest) -> HttpResponse:
    return _dashboard(request, prompt=str(SUGGESTIONS[0][1]))


@require_POST
@login_required
def first_turn(request: ActorRequest) -> HttpResponse:
    """From a plain form: the sample project and a session at work on it; a wrong prompt is shown again."""
    organization = chosen_organization(request, organizations_of(request.actor))
    prompt = request.POST.get("prompt", "")
    try:
        session = services.start_first_turn(
            actor=request.actor,
            organization_id=organization.pk,
            project_name=gettext("sample"),
            prompt=prompt,
            key=_key(request.POST.get("key", "")),
            now=timezone.now(),
        )
    except Invalid as error:
        return _dashboard(request, prompt=prompt, error=error.message, status=400)
    return HttpResponseRedirect(f"{reverse('session', args=[session.pk])}?tour")


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Invalid.field("key", "This is not an id.") from error


def _dashboard(request: ActorRequest, *, prompt: str, error: str = "", status: int = 200) -> HttpResponse:
    around = frame_of(request)
    keep_organization(request, around.organization)
    cards = [(project, summary_of(project)) for project in around.projects]
    context = around.context(
        cards=sorted(cards, key=lambda card: card[1].last_at, reverse=True),
        is_practice=_is_practice(around.organization),
        prompt=prompt,
        prompt_error=error,
        suggestions=SUGGESTIONS,
        key=uuid.uuid4(),
        deleted=_deleted(request),
    )
    if not context["can_write"] and not around.projects:
        admins = Membership.objects.filter(organization=around.organization, role__in=(Role.ADMIN, Role.OWNER))
        context["admins"] = admins.select_related("user").order_by("created_at")[:5]
    return render(request, "pages/dashboard.html", context, status=status)


def _is_practice(organization: Organization) -> bool:
    """Whether the practice model answers where sessions begin when nobody chooses."""
    default = Environment.objects.filter(organization=organization, is_default=True).values_list("pk", flat=True)
    return gateway.is_practice(organization.pk, default.first())


def _deleted(request: ActorRequest) -> Project | None:
    """The project that was deleted a moment ago by a plain form, while that can be taken back."""
    if "deleted" not in request.GET:
        return None
    with contextlib.suppress(Invalid):
        may = projects.deleted_projects(now=timezone.now()).visible_to(request.actor)
        return may.filter(pk=_key(request.GET["deleted"])).first()
    return None


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
        "environment": told(row.environment.name) if row.environment else "",
        "can_write": around["can_write"],
    }
    around["shows_tour"] = "tour" in request.GET and not request.preferences.is_tour_done
    return render(request, "pages/session.html", around)
