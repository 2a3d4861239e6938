"""Which organisation a page is about."""

from __future__ import annotations

import uuid
from typing import NoReturn

from django.http import HttpRequest

from accounts.errors import NotFound, OrganizationSuspended
from accounts.models import Organization
from accounts.tenancy import Actor

KEPT = "organization"  # key in the browser session


def organizations_of(actor: Actor) -> list[Organization]:
    """The actor's organisations, the personal one first."""
    return list(Organization.objects.filter(pk__in=actor.roles).order_by("-is_personal", "name", "pk"))


def chosen_organization(request: HttpRequest, organizations: list[Organization]) -> Organization:
    """The organisation that the address names, else the one looked at last, else the first.

    Raises: NotFound (none of the actor's, or the actor has none); OrganizationSuspended (that one, or all there are).
    """
    by_id = {str(one.pk): one for one in organizations}
    named = request.GET.get("organization")
    if named is not None:
        return by_id.get(_canonical(named)) or _missing(request, _canonical(named))
    kept = by_id.get(str(request.session.get(KEPT)))
    return kept or (organizations[0] if organizations else _missing(request))


def keep_organization(request: HttpRequest, organization: Organization) -> None:
    """Make this the organisation that pages without a name of one show next."""
    if request.session.get(KEPT) != str(organization.pk):
        request.session[KEPT] = str(organization.pk)


def _canonical(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""


def _missing(request: HttpRequest, named: str = "") -> NoReturn:
    suspended = {str(id) for id in request.actor.suspended}  # type: ignore[attr-defined]
    if named in suspended or (not named and suspended):
        raise OrganizationSuspended
    raise NotFound
