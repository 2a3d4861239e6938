"""Which organisation a page is about."""

from __future__ import annotations

import uuid

from django.http import HttpRequest

from accounts.errors import NotFound
from accounts.models import Organization
from accounts.tenancy import Actor

KEPT = "organization"  # key in the browser session


def organizations_of(actor: Actor) -> list[Organization]:
    """The actor's organisations, the personal one first."""
    return list(Organization.objects.filter(pk__in=actor.roles).order_by("-is_personal", "name", "pk"))


def chosen_organization(request: HttpRequest, organizations: list[Organization]) -> Organization:
    """The organisation that the address names, else the one looked at last, else the first.

    Raises: NotFound (none of the actor's, or the actor has none).
    """
    by_id = {str(one.pk): one for one in organizations}
    named = request.GET.get("organization")
    if named is not None:
        return by_id[_canonical(named)] if _canonical(named) in by_id else _missing()
    kept = by_id.get(str(request.session.get(KEPT)))
    return kept or (organizations[0] if organizations else _missing())


def keep_organization(request: HttpRequest, organization: Organization) -> None:
    """Make this the organisation that pages without a name of one show next."""
    if request.session.get(KEPT) != str(organization.pk):
        request.session[KEPT] = str(organization.pk)


def _canonical(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""


def _missing() -> Organization:
    raise NotFound
