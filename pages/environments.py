"""The environments of an organisation: cards, and the forms behind them, which scripts show as dialogs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth import ActorRequest
from accounts.errors import DomainError, Forbidden, NotFound
from accounts.pages import keep_organization
from accounts.tenancy import Role, TenantQuerySet, fetch
from accounts.wording import told
from environments import health, services
from environments.models import CheckStatus, Environment, EnvironmentCheck, EnvironmentKind
from environments.schemas import CheckOut
from environments.uses import Use, uses_of
from pages.environment_form import ICONS, EnvironmentForm
from pages.frame import frame, frame_of

MOST = 200
MOST_NAMED = 10


@dataclass
class Card:
    """One environment as the page shows it."""

    row: Environment
    last_check: EnvironmentCheck | None
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
    def is_showing(self) -> bool:
        """Whether agents see its credentials."""
        return bool(self.row.config.get("mount_credentials"))

    @property
    def check_json(self) -> dict[str, Any] | None:
        return CheckOut.from_orm(self.last_check).model_dump(mode="json") if self.last_check else None

    @property
    def data_id(self) -> str:
        """Of the test's data in the page."""
        return f"environment-{self.row.pk}-test"


@require_safe
@login_required
def listing(request: ActorRequest) -> HttpResponse:
    """All of the organisation's; with `?status=1` how they are, for browsers without scripts."""
    around = frame_of(request)
    keep_organization(request, around.organization)
    rows = Environment.objects.filter(organization=around.organization)
    cards = _cards(rows.order_by("-is_default", "pk")[:MOST])
    if "status" in request.GET:
        found = async_to_sync(health.statuses)([card.row for card in cards])
        for card in cards:
            card.status = found[card.row.pk]
    context = around.context(section="environments", cards=cards, deleted=_deleted(request, around.organization.pk))
    return render(request, "settings/environments.html", context)


def _cards(rows: Any) -> list[Card]:
    newest = EnvironmentCheck.objects.filter(environment=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found = list(rows.annotate(last_check_id=Subquery(newest)).prefetch_related("secrets"))
    checks = EnvironmentCheck.objects.in_bulk([row.last_check_id for row in found if row.last_check_id])
    return [Card(row, checks.get(row.last_check_id)) for row in found]


def _deleted(request: ActorRequest, organization_id: uuid.UUID) -> Environment | None:
    """The one that was deleted a moment ago, and that can be taken back."""
    try:
        id = uuid.UUID(request.GET.get("deleted", ""))
    except ValueError:
        return None
    rows = Environment.with_deleted.filter(organization_id=organization_id, purged_at=None)
    return rows.exclude(deleted_at=None).filter(pk=id).first()


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: ActorRequest) -> HttpResponse:
    around = frame_of(request)
    request.actor.require(around.organization.pk, Role.ADMIN)
    form = EnvironmentForm.new(request.GET.get("kind", ""))
    if request.method != "POST":
        return _sheet(request, around.organization, form=form)
    form.read(request.POST.dict())
    if not form.is_sound():
        return _sheet(request, around.organization, form=form)
    try:
        made = services.create_environment(
            actor=request.actor,
            organization_id=around.organization.pk,
            name=form.name,
            kind=form.kind,
            description=form.description,
            config=form.config(),
            secrets=form.given_secrets(request.POST.dict()),
            key=uuid.UUID(form.key),
            now=timezone.now(),
        )
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        form.refuse(error)
        return _sheet(request, around.organization, form=form)
    return _saved(made)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN)
    form = EnvironmentForm.of(row)
    if request.method != "POST":
        return _sheet(request, row.organization, form=form)
    form.read(request.POST.dict())
    if not form.is_sound():
        return _sheet(request, row.organization, form=form)
    try:
        services.update_environment(
            actor=request.actor,
            id=row.pk,
            name=form.name,
            description=form.description,
            config=form.config(),
            secrets=form.given_secrets(request.POST.dict()),
            now=timezone.now(),
        )
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        form.refuse(error)
        return _sheet(request, row.organization, form=form)
    return _saved(row)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """Its consequences by name; who deletes it while sessions run in it says so."""
    row = _row(request, environment_id, Role.ADMIN)
    error = ""
    if request.method == "POST":
        try:
            services.delete_environment(
                actor=request.actor, id=row.pk, force="force" in request.POST, now=timezone.now()
            )
        except (Forbidden, NotFound):
            raise
        except DomainError as refusal:
            error = told(refusal.message)
        else:
            return HttpResponseRedirect(f"{_address(row)}&deleted={row.pk}")
    return _sheet(request, row.organization, "settings/environment_delete.html", row=row, error=error, **_touched(row))


def _touched(row: Environment) -> dict[str, Any]:
    uses = uses_of(row)

    def named(kind: str, *, is_running: bool) -> list[Use]:
        return [use for use in uses if use.kind == kind and use.is_running == is_running]

    default = Environment.objects.filter(organization_id=row.organization_id, is_default=True).first()
    groups = {
        "running": named("session", is_running=True),
        "resting": named("session", is_running=False),
        "projects": named("project", is_running=False),
    }
    more = {f"{name}_more": max(len(found) - MOST_NAMED, 0) for name, found in groups.items()}
    return {"default": default, **more, **{name: found[:MOST_NAMED] for name, found in groups.items()}}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def authenticate(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """Where agents see credentials of the environment's own: store one; else say that the gateway's key is used."""
    row = _row(request, environment_id, Role.ADMIN)
    error = ""
    if request.method == "POST":
        try:
            if "forget" in request.POST:
                services.remove_credential(actor=request.actor, id=row.pk)
            else:
                services.store_credential(actor=request.actor, id=row.pk, credential=request.POST.get("credential", ""))
        except (Forbidden, NotFound):
            raise
        except DomainError as refusal:
            error = told(refusal.message)
        else:
            return _back(row)
    stored = services.read_credential(actor=request.actor, id=row.pk)
    return _sheet(
        request, row.organization, "settings/environment_credential.html", row=row, stored=stored, error=error
    )


@require_POST
@login_required
def make_default(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN)
    try:
        services.update_environment(actor=request.actor, id=row.pk, is_default=True, now=timezone.now())
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        messages.error(request, told(error.message))
    return _back(row)


@require_POST
@login_required
def undelete(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN, Environment.with_deleted.all())
    try:
        services.undelete_environment(actor=request.actor, id=row.pk)
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        messages.error(request, told(error.message))
    return _back(row)


@require_POST
@login_required
def test(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """Begin one, or end the one that runs; for browsers without scripts."""
    row = _row(request, environment_id, Role.MEMBER)
    live = row.checks.filter(status__in=(CheckStatus.PENDING, CheckStatus.RUNNING)).first()
    try:
        if "cancel" in request.POST and live:
            services.cancel_check(actor=request.actor, environment_id=row.pk, check_id=live.pk, now=timezone.now())
        elif "cancel" not in request.POST:
            services.request_check(actor=request.actor, environment_id=row.pk, now=timezone.now())
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        messages.error(request, told(error.message))
    return _back(row)


def _row(
    request: ActorRequest, id: uuid.UUID, role: Role, rows: TenantQuerySet[Environment] | None = None
) -> Environment:
    known = Environment.objects.all() if rows is None else rows
    return fetch(known.select_related("organization").prefetch_related("secrets"), request.actor, id, role)


def _sheet(
    request: ActorRequest, organization: Any, template: str = "settings/environment_form.html", **more: Any
) -> HttpResponse:
    context = frame(request.actor, organization).context(section="environments", is_sheet=True, **more)
    return render(request, template, context)


def _back(row: Environment) -> HttpResponse:
    return HttpResponseRedirect(_address(row))


def _saved(row: Environment) -> HttpResponse:
    """The list, with the id for scripts that have something to add to it."""
    return HttpResponseRedirect(f"{_address(row)}&saved={row.pk}")


def _address(row: Environment) -> str:
    return f"{reverse('settings_environments')}?organization={row.organization_id}"
