"""Tests of environments, as people ask for them; `environments.checking` runs them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app

from accounts.tenancy import Actor, Role, fetch
from environments import configs
from environments.errors import CheckFinished
from environments.models import CHECK_IS_LIVE, CheckStatus, Environment, EnvironmentCheck

RUN_CHECK = "environments.run_check"
QUEUE = "environments"
KEPT = 10  # of each environment


def request_check(*, actor: Actor, environment_id: uuid.UUID, is_quick: bool = True, now: datetime) -> EnvironmentCheck:
    """Let a worker try the environment out; one that is under way is given back instead.

    Raises: NotFound, Forbidden (below MEMBER); KindNotAvailable.
    """
    environment = fetch(Environment, actor, environment_id, Role.MEMBER)
    configs.require_available(environment.kind, environment.config)
    new = EnvironmentCheck(
        organization_id=environment.organization_id,
        environment=environment,
        requested_by=actor.user,
        is_quick=is_quick,
        created_at=now,
    )
    try:
        with transaction.atomic():
            new.save(force_insert=True)
            _forget_old(environment)
            app.configure_task(RUN_CHECK, queue=QUEUE, lock=f"check:{new.pk}").defer(check_id=str(new.pk))
    except IntegrityError:
        if live := EnvironmentCheck.objects.filter(CHECK_IS_LIVE, environment=environment).first():
            return live
        raise
    return new


def cancel_check(*, actor: Actor, environment_id: uuid.UUID, check_id: uuid.UUID, now: datetime) -> EnvironmentCheck:
    """End a test: one that waits at once, one that runs as soon as its worker hears of it.

    Raises: NotFound, Forbidden (below MEMBER); CheckFinished.
    """
    rows = EnvironmentCheck.objects.filter(environment_id=environment_id, environment__deleted_at=None)
    check = fetch(rows, actor, check_id, Role.MEMBER)
    mine = rows.filter(pk=check.pk)
    waiting = mine.filter(status=CheckStatus.PENDING)
    if not waiting.update(status=CheckStatus.CANCELLED, cancel_requested_at=now, finished_at=now) and not mine.filter(
        status=CheckStatus.RUNNING
    ).update(cancel_requested_at=now):
        if check.status == CheckStatus.CANCELLED:
            return check
        raise CheckFinished
    check.refresh_from_db()
    return check


def _forget_old(environment: Environment) -> None:
    rows = EnvironmentCheck.objects.filter(environment=environment)
    kept = list(rows.order_by("-pk").values_list("pk", flat=True)[:KEPT])
    rows.exclude(CHECK_IS_LIVE).exclude(pk__in=kept).delete()
