"""The settings: who somebody is, how they like it, what they are told; and their organisation."""

from __future__ import annotations

from copy import copy
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import ModelForm
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import browsers, preferences, services
from accounts.auth import ActorRequest
from accounts.forms import AppearanceForm, NotificationsForm, OrganizationForm, ProfileForm
from accounts.models import ApiToken, Membership, User
from accounts.pages import chosen_organization, keep_organization, organizations_of
from accounts.schemas import TokenOut
from accounts.tenancy import Role
from gateway import services as gateway
from gateway.schemas import ProviderKeyOut
from pages.frame import frame_of

MOST_TOKENS = 200
SAVED = "beside"  # the tag of what a form itself shows
TOLD = [
    ("notify_waiting", _("An agent needs an answer"), _("It asks for a permission, a decision or an answer.")),
    ("notify_ended", _("A turn ends"), _("The agent has done what you asked for, or says why not.")),
    ("notify_failed", _("A session fails"), _("The agent or its sandbox ended unexpectedly.")),
    ("has_sound", _("Play a sound"), _("A short, quiet one, with each of these.")),
]
require_form = require_http_methods(["GET", "HEAD", "POST"])


def _page(request: ActorRequest, section: str, **more: Any) -> HttpResponse:
    around = frame_of(request)
    keep_organization(request, around.organization)
    told = list(messages.get_messages(request))
    notes = [one for one in told if SAVED not in one.tags]
    context = around.context(section=section, notes=notes, is_saved=len(notes) < len(told), **more)
    return render(request, f"settings/{section}.html", context)


def _saved(request: ActorRequest) -> HttpResponse:
    """The page anew, so that nothing is sent twice; it says so beside the button."""
    messages.success(request, gettext("Saved"), extra_tags=SAVED)
    return HttpResponseRedirect(request.get_full_path())


@require_safe
@login_required
def index(request: ActorRequest) -> HttpResponse:
    """On a phone the list of all settings; where there is room its first page beside it."""
    return _page(request, "profile", is_index=True, form=ProfileForm(instance=request.user), **_sign_in(request.user))


@require_form
@login_required
def profile(request: ActorRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=copy(request.user))
    if request.method == "POST" and form.is_valid():
        services.change_name(user=request.user, name=form.cleaned_data["name"])
        return _saved(request)
    return _page(request, "profile", form=form, **_sign_in(request.user))


def _sign_in(user: User) -> dict[str, Any]:
    """How they sign in, and where they are."""
    means = {one.type: one for one in Authenticator.objects.filter(user=user)}
    codes = means.get(Authenticator.Type.RECOVERY_CODES)
    return {
        "addresses": EmailAddress.objects.filter(user=user).order_by("-primary", "email"),
        "has_totp": Authenticator.Type.TOTP in means,
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else None,
        "browsers": [(one, browsers.recognize(one.user_agent)) for one in _browsers_of(user)],
    }


def _browsers_of(user: User) -> list[UserSession]:
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda one: one.last_seen_at, reverse=True)


@require_form
@login_required
def appearance(request: ActorRequest) -> HttpResponse:
    # Each language is named in itself, so that whoever reads nothing else finds it.
    languages = [("", gettext("Browser language")), *settings.LANGUAGES]
    return _preferences(request, "appearance", AppearanceForm, languages=languages)


@require_form
@login_required
def notifications(request: ActorRequest) -> HttpResponse:
    return _preferences(request, "notifications", NotificationsForm)


def _preferences(request: ActorRequest, section: str, kind: type[ModelForm[Any]], **more: Any) -> HttpResponse:
    before = preferences.of(request, request.user)
    form = kind(request.POST or None, instance=preferences.of(request, request.user))
    if request.method == "POST" and form.is_valid():
        request.preferences = services.change_preferences(before=before, fields=form.cleaned_data)
        return _saved(request)
    if section == "notifications":
        more["choices"] = [(form[name], label, hint) for name, label, hint in TOLD]
    return _page(request, section, form=form, **more)


@require_safe
@login_required
def keyboard(request: ActorRequest) -> HttpResponse:
    return _page(request, "keyboard")


@require_form
@login_required
def organization(request: ActorRequest) -> HttpResponse:
    """Its name, which admins may change, and who belongs to it."""
    mine = chosen_organization(request, organizations_of(request.actor))
    form = OrganizationForm(request.POST or None, instance=copy(mine))
    if request.method == "POST":
        request.actor.require(mine.pk, Role.ADMIN)
        if form.is_valid():
            services.rename_organization(organization=mine, name=form.cleaned_data["name"])
            return _saved(request)
    members = Membership.objects.filter(organization=mine).select_related("user").order_by("created_at", "pk")
    return _page(request, "organization", form=form, members=members)


@require_safe
@login_required
def tokens(request: ActorRequest) -> HttpResponse:
    mine = ApiToken.objects.of(request.actor).order_by("-pk")[:MOST_TOKENS]
    return _page(request, "tokens", tokens=[TokenOut.from_orm(one).dict() for one in mine])


@require_safe
@login_required
def model_key(request: ActorRequest) -> HttpResponse:
    """Which one it is, only admins are told."""
    chosen = chosen_organization(request, organizations_of(request.actor))
    role = request.actor.role_in(chosen.pk) or Role.VIEWER
    row = gateway.provider_key(chosen.pk) if role.covers(Role.ADMIN) else None
    return _page(
        request,
        "model_key",
        key=ProviderKeyOut.from_orm(row).dict() if row else None,
        is_practice=gateway.is_practice(chosen.pk),
    )


@require_safe
@login_required
def usage(request: ActorRequest) -> HttpResponse:
    organization_id = chosen_organization(request, organizations_of(request.actor)).pk
    return _page(request, "usage", usage=gateway.month_report(organization_id, timezone.now()))
