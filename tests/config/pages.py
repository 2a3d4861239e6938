"""Addresses whose views fail, beside the real ones."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from accounts.errors import Forbidden, NotFound, RateLimited, Unauthenticated
from config.urls import urlpatterns as real

ERRORS = {
    "missing": NotFound(),
    "role": Forbidden(),
    "anonymous": Unauthenticated(),
    "fast": RateLimited(retry_after_s=5),
}


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    raise ERRORS[kind]


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret inside")


urlpatterns = [*real, path("fail/<str:kind>", fail), path("api/crash", crash)]
