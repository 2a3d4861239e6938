"""Whether this process lives, and whether it can work."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest
from ninja import Router, Schema

from config.errors import NotReady

router = Router(tags=["health"], auth=None)


class HealthOut(Schema):
    status: str
    version: str


@router.get("/health", response=HealthOut)
def health(request: HttpRequest) -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": settings.VERSION}


@router.get("/ready", response=HealthOut)
def ready(request: HttpRequest) -> dict[str, str]:
    """The process can work: the database answers. 503 otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as error:
        raise NotReady from error
    return {"status": "ok", "version": settings.VERSION}
