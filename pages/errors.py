"""What is shown when something is wrong: what happened, what it means, what to do; inside of the app for members."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from accounts.errors import DomainError, OrganizationSuspended
from accounts.pages import KEPT, organizations_of
from pages.frame import frame


class Told(NamedTuple):
    """The words of one kind of error; `again` offers the same address once more, `leaves` the way out."""

    title: Any
    meaning: Any
    advice: Any
    again: bool = False
    leaves: bool = False


OTHER = Told(_("This did not work"), "", _("Nothing was changed. Go back, look at what you sent, and try again."))
TOLD = {
    400: Told(
        _("Bad request"),
        _("The address or the form that your browser sent is damaged."),
        _("Go back, load the page again, and repeat what you did."),
    ),
    403: Told(
        _("No access"),
        _("Your role does not allow this page."),
        _("Ask an admin of your organisation for a role that does."),
    ),
    404: Told(
        _("Page not found"),
        _("The link may be wrong, the page may have been deleted, or you may not have access."),
        _("Look for it in your projects, or ask the person who sent you the link."),
    ),
    413: Told(_("This is too large"), _("The server does not accept that much at once."), _("Send less, or in parts.")),
    429: Told(
        _("Too many tries"),
        _("To keep passwords and codes safe, the number of tries is limited."),
        _("Wait a few minutes, then try again."),
        again=True,
    ),
    500: Told(
        _("Something broke on our side"),
        _("Your work is safe. The error has been recorded."),
        _("Try again in a moment. If it keeps happening, send this request ID to your administrator."),
        again=True,
    ),
    503: Told(
        _("One moment"),
        _("The database is not responding. Agents keep working, and nothing is lost."),
        _("Go back and send it again in a few seconds."),
        again=True,
    ),
}
COMES_BACK = TOLD[503]._replace(advice=_("This page reloads by itself in a few seconds."))
SUSPENDED = Told(
    _("This organisation is suspended"),
    _("Its projects and sessions are kept, but nobody can use them for now."),
    _("Contact your administrator."),
    leaves=True,
)
OLD_FORM = Told(
    _("This form has expired"),
    _("Your sign-in changed since the page was loaded, or cookies are blocked."),
    _("Open the form again and repeat what you did. If this keeps happening, allow cookies for this site."),
    again=True,
)
OF_ERRORS: dict[type[Exception], Told] = {OrganizationSuspended: SUSPENDED}
INSIDE = (400, 403, 404, 413)  # what may be told with the sidebar, which needs the database
BROKEN = (500, 503)  # nothing is asked of the database then


def respond(
    request: HttpRequest,
    status: int,
    message: str = "",
    told: Told | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page of this status; `message` is what the server says about this very case."""
    if request.path.startswith("/api/"):  # ApiFrameMiddleware tells it in the API's one form
        return HttpResponse(status=status, headers=headers)
    told = told or TOLD.get(status, OTHER)
    shown = {"told": told, "status": status, "message": "" if message == str(told.meaning) else message}
    shown |= {"request_id": getattr(request, "request_id", ""), "again": request.get_full_path() if told.again else ""}
    shown["is_stranger"] = status not in BROKEN and _is_stranger(request)
    around = _around(request) if status in INSIDE or status not in TOLD else None
    if around is None:
        page = render_to_string("errors/alone.html", shown | {"request": request})
    else:
        page = render_to_string("errors/inside.html", shown | around, request)
    return HttpResponse(page, status=status, headers=headers)


def _is_stranger(request: HttpRequest) -> bool:
    return isinstance(getattr(request, "user", AnonymousUser()), AnonymousUser)


def _around(request: HttpRequest) -> dict[str, Any] | None:
    """The frame of the app; none for strangers, nor when even that cannot be had."""
    if _is_stranger(request):
        return None
    try:
        organizations = organizations_of(request.actor)  # type: ignore[attr-defined]
        kept = request.session.get(KEPT)
        organization = next((one for one in organizations if str(one.pk) == kept), next(iter(organizations), None))
        return None if organization is None else frame(request.actor, organization).context()  # type: ignore[attr-defined]
    except DomainError:
        return None


def nowhere(request: HttpRequest) -> HttpResponse:
    return respond(request, HTTPStatus.NOT_FOUND)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, HTTPStatus.BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, HTTPStatus.NOT_FOUND)


def too_many(request: HttpRequest) -> HttpResponse:
    return respond(request, HTTPStatus.TOO_MANY_REQUESTS)


def server_error(request: HttpRequest) -> HttpResponse:
    return respond(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def old_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's check against forged forms refused it; why is told in developer mode only."""
    return respond(request, HTTPStatus.FORBIDDEN, reason if settings.DEBUG else "", OLD_FORM)
