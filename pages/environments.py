"""The environments of an organisation: cards, and the forms behind them, which scripts show as dialogs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.auth import ActorRequest
from accounts.errors import DomainError, Forbidden, NotFound
from accounts.models import Organization
from accounts.pages import keep_organization
from accounts.tenancy import Role, TenantQuerySet, fetch
from accounts.wording import told
from environments import health, services
from environments.models import CheckStatus, Environment
from environments.uses import Use, uses_of
from pages.environment_cards import cards_of, said_of
from pages.environment_form import EnvironmentForm
from pages.frame import frame, frame_of

MOST = 200
MOST_NAMED = 10
FORM, DELETE, CREDENTIAL = (f"settings/environment_{name}.html" for name in ("form", "delete", "credential"))


@require_safe
@login_required
def listing(request: ActorRequest) -> HttpResponse:
    """All of the organisation's; with `?status=1` how they are, for browsers without scripts."""
    around = frame_of(request)
    keep_organization(request, around.organization)
    rows = Environment.objects.filter(organization=around.organization)
    role = request.actor.role_in(around.organization.pk)
    cards = cards_of(rows.order_by("-is_default", "pk")[:MOST], around.organization.pk, role)
    if "status" in request.GET:
        found = async_to_sync(health.statuses)([card.row for card in cards])
        for card in cards:
            card.status = found[card.row.pk]
    context = around.context(
        section="environments",
        cards=cards,
        deleted=_deleted(request, around.organization.pk),
        left_behind=services.left_behind(around.organization.pk),
    )
    return render(request, "settings/environments.html", context)


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

    def write(**given: Any) -> Environment:
        return services.create_environment(
            organization_id=around.organization.pk, kind=form.kind, key=uuid.UUID(form.key), **given
        )

    return _saved(request, around.organization, form, write)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN)
    form = EnvironmentForm.of(row)
    return _saved(request, row.organization, form, partial(services.update_environment, id=row.pk))


def _saved(
    request: ActorRequest, organization: Organization, form: EnvironmentForm, write: Callable[..., Environment]
) -> HttpResponse:
    """The form, with what is wrong in what was sent; else what was sent is written, and the list follows."""
    data = request.POST.dict()
    if request.method == "POST":
        form.read(data)
        if form.is_sound(data):
            with _refused(form.refuse):
                row = write(
                    actor=request.actor,
                    name=form.name,
                    description=form.description,
                    config=form.config(),
                    secrets=form.given_secrets(data),
                    now=timezone.now(),
                )
                # The id is for scripts that have something to add to it.
                return HttpResponseRedirect(f"{_address(row)}&saved={row.pk}")
    return _sheet(request, organization, form=form)


@contextmanager
def _refused(tell: Callable[[DomainError], object]) -> Iterator[None]:
    """What is said on this page; who may not, or finds nothing, gets the page that says so."""
    try:
        yield
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        tell(error)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """Its consequences by name; who deletes it while sessions run in it says so."""
    row = _row(request, environment_id, Role.ADMIN)
    refusals: list[str] = []
    if request.method == "POST":
        with _refused(lambda error: refusals.append(told(error.message))):
            services.delete_environment(
                actor=request.actor, id=row.pk, force="force" in request.POST, now=timezone.now()
            )
            return HttpResponseRedirect(f"{_address(row)}&deleted={row.pk}")
    return _sheet(request, row.organization, DELETE, row=row, refusals=refusals, **_touched(row))


def _touched(row: Environment) -> dict[str, Any]:
    uses = uses_of(row)

    def named(kind: str, *, is_running: bool) -> list[Use]:
        return [use for use in uses if use.kind == kind and use.is_running == is_running]

    default = Environment.objects.filter(organization_id=row.organization_id, is_default=True).first()
    groups = {
        "running": named("session", is_running=True),
        "resting": named("session", is_running=False),
        "beginning": named("project", is_running=False),  # `projects` are those of the frame
    }
    more = {f"{name}_more": max(len(found) - MOST_NAMED, 0) for name, found in groups.items()}
    counts = {f"{name}_count": len(found) for name, found in groups.items()}
    return {"default": default, **counts, **more, **{name: found[:MOST_NAMED] for name, found in groups.items()}}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def authenticate(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """What sessions there call the model with: a credential of the environment's own can be stored, and removed."""
    row = _row(request, environment_id, Role.ADMIN)
    refusals: list[str] = []
    if request.method == "POST":
        with _refused(lambda error: refusals.append(_first_detail(error))):
            if "forget" in request.POST:
                services.remove_credential(actor=request.actor, id=row.pk)
            else:
                given = request.POST.get("credential", "")
                services.store_credential(actor=request.actor, id=row.pk, credential=given, now=timezone.now())
            return _back(row)
    source = services.read_credential(actor=request.actor, id=row.pk)
    about = {"row": row, "source": source, "said": said_of(source), "refusals": refusals}
    return _sheet(request, row.organization, CREDENTIAL, **about)


def _first_detail(error: DomainError) -> str:
    return told(str(error.details[0]["message"])) if error.details else told(error.message)


@require_POST
@login_required
def make_default(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN)
    with _refused(_above_the_list(request)):
        services.update_environment(actor=request.actor, id=row.pk, is_default=True, now=timezone.now())
    return _back(row)


@require_POST
@login_required
def undelete(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    row = _row(request, environment_id, Role.ADMIN, Environment.with_deleted.all())
    with _refused(_above_the_list(request)):
        services.undelete_environment(actor=request.actor, id=row.pk, now=timezone.now())
    return _back(row)


@require_POST
@login_required
def seen_to(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """What could not be removed there was removed by hand, or may lie."""
    row = _row(request, environment_id, Role.ADMIN, Environment.with_deleted.all())
    services.dismiss_left_behind(actor=request.actor, id=row.pk, now=timezone.now())
    return _back(row)


@require_POST
@login_required
def test(request: ActorRequest, environment_id: uuid.UUID) -> HttpResponse:
    """Begin one, or end the one that runs; for browsers without scripts."""
    row = _row(request, environment_id, Role.MEMBER)
    live = row.checks.filter(status__in=(CheckStatus.PENDING, CheckStatus.RUNNING)).first()
    with _refused(_above_the_list(request)):
        if "cancel" not in request.POST:
            services.request_check(actor=request.actor, environment_id=row.pk, now=timezone.now())
        elif live:
            services.cancel_check(actor=request.actor, environment_id=row.pk, check_id=live.pk, now=timezone.now())
    return _back(row)


def _above_the_list(request: ActorRequest) -> Callable[[DomainError], None]:
    return lambda error: messages.error(request, told(error.message))


def _row(
    request: ActorRequest, id: uuid.UUID, role: Role, rows: TenantQuerySet[Environment] | None = None
) -> Environment:
    known = Environment.objects.all() if rows is None else rows
    return fetch(known.select_related("organization").prefetch_related("secrets"), request.actor, id, role)


def _sheet(request: ActorRequest, organization: Organization, template: str = FORM, **more: Any) -> HttpResponse:
    context = frame(request.actor, organization).context(section="environments", is_sheet=True, **more)
    return render(request, template, context)


def _back(row: Environment) -> HttpResponse:
    return HttpResponseRedirect(_address(row))


def _address(row: Environment) -> str:
    return f"{reverse('settings_environments')}?organization={row.organization_id}"
