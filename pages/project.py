"""The page of a project: its sessions, what new ones begin with, its rules, and its end."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.auth import ActorRequest
from accounts.errors import DomainError, Invalid
from accounts.tenancy import Role, fetch
from environments.models import Environment
from gateway import services as gateway
from pages.frame import frame
from projects import services as projects
from projects.models import Project
from projects.vault import Vault
from sessions import queries
from sessions.schemas import RuleOut

SAVED = "beside"


class ProjectForm(forms.Form):
    """What a project's new sessions begin with; its choices are the project's own."""

    name = forms.CharField(label=_("Name"), max_length=100)
    default_branch = forms.ChoiceField(label=_("Sessions start from"))
    default_model = forms.ChoiceField(label=_("Model"), required=False)
    default_environment_id = forms.TypedChoiceField(
        label=_("Environment"), required=False, coerce=uuid.UUID, empty_value=None
    )

    def __init__(self, project: Project, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(project, name) for name in self.base_fields})
        self._choose("default_branch", [(name, name) for name in _branches(project)])
        models = [(one.name, one.label) for one in gateway.available_models()]
        self._choose("default_model", [("", gettext("Server default")), *models])
        known = Environment.objects.filter(organization_id=project.organization_id).order_by("pk")
        self._choose(
            "default_environment_id", [("", gettext("Organisation default")), *known.values_list("pk", "name")]
        )

    def _choose(self, name: str, choices: list[tuple[Any, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def _branches(project: Project) -> list[str]:
    """At least the one that is chosen: a repository that cannot be read must not hide the rest of the page."""
    with contextlib.suppress(DomainError):
        if project.is_ready:
            return [branch.name for branch in Vault(project.pk).branches()]
    return [project.default_branch]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def project(request: ActorRequest, project_id: uuid.UUID) -> HttpResponse:
    if request.method != "POST":
        return _page(request, _row(request, project_id, Role.VIEWER))
    row = _row(request, project_id, Role.MEMBER)
    form = ProjectForm(row, request.POST)
    if form.is_valid() and _save(request, row, form):
        messages.success(request, gettext("Saved"), extra_tags=SAVED)
        return HttpResponseRedirect(f"{request.path}#settings")
    return _page(request, row, form=form)


def _save(request: ActorRequest, row: Project, form: ProjectForm) -> bool:
    """Only what was changed: a project that is being imported has no branch to check."""
    given = {name: form.cleaned_data[name] for name in form.changed_data}
    try:
        projects.update_project(actor=request.actor, id=row.pk, fields=given, **given)
    except Invalid as error:
        for detail in error.details or [{"field": None, "message": error.message}]:
            form.add_error(detail["field"], detail["message"])
        return False
    return True


@require_POST
@login_required
def delete(request: ActorRequest, project_id: uuid.UUID) -> HttpResponse:
    """Whoever means it types the project's name."""
    row = _row(request, project_id, Role.MEMBER)
    typed = request.POST.get("name", "")
    if typed.strip() != row.name.strip():
        return _page(request, row, typed=typed, delete_error=gettext("This is not the project's name."), status=400)
    projects.delete_project(actor=request.actor, id=row.pk, now=timezone.now())
    return HttpResponseRedirect(f"{reverse('dashboard')}?organization={row.organization_id}&deleted={row.pk}")


@require_POST
@login_required
def undelete(request: ActorRequest, project_id: uuid.UUID) -> HttpResponse:
    projects.undelete_project(actor=request.actor, id=project_id, now=timezone.now())
    return HttpResponseRedirect(reverse("project", args=[project_id]))


def _row(request: ActorRequest, project_id: uuid.UUID, role: Role) -> Project:
    return fetch(Project.objects.select_related("organization"), request.actor, project_id, role)


def _page(
    request: ActorRequest, row: Project, *, form: ProjectForm | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    around = frame(request.actor, row.organization)
    shown = next(one for one in around.projects if one.pk == row.pk)
    told = list(messages.get_messages(request))
    notes = [one for one in told if SAVED not in one.tags]
    context = around.context(project=shown, notes=notes, is_saved=len(notes) < len(told), **more)
    context["rules"] = [RuleOut.from_orm(one).dict() for one in queries.rules_of_project(row.pk)]
    if context["can_write"]:
        context["form"] = form or ProjectForm(row)
    return render(request, "pages/project.html", context, status=status)
