"""The environments API."""

from __future__ import annotations

import uuid

from django.http import HttpRequest
from ninja import Router

from accounts.tenancy import Actor, fetch
from environments import configs, health, services
from environments.models import Environment
from environments.schemas import EnvironmentIn, EnvironmentOut, EnvironmentPatch, StatusOut

router = Router(tags=["environments"])


def _actor(request: HttpRequest) -> Actor:
    return request.actor  # type: ignore[attr-defined,no-any-return]
