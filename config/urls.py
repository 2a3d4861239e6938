"""Every path of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.i18n import set_language

from config.api import api
from config.observability.operations import operations
from pages import errors as error_pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/operations/", admin.site.admin_view(operations), name="admin-operations"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/", api.urls),
    path("i18n/setlang/", set_language, name="set_language"),
    path("", include("pages.urls")),
    # In developer mode, too, a page that is not there looks like one of ours; scripts and the API are answered plainly.
    re_path(r"^(?!static/|api/|gateway/).*/$", error_pages.nowhere, name="nowhere"),
]

handler400 = "pages.errors.bad_request"
handler403 = "pages.errors.forbidden"
handler404 = "pages.errors.not_found"
handler429 = "pages.errors.too_many"  # allauth's
handler500 = "pages.errors.server_error"
