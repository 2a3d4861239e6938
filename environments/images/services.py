"""What people do with images: Dockerfiles kept and removed, builds asked for and cancelled."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app

from accounts.errors import Invalid
from accounts.models import Organization
from accounts.tenancy import Actor, Role, fetch
from environments.images import contexts, policy
from environments.images.contexts import Upload
from environments.images.errors import (
    BadDockerfile,
    BuildFinished,
    BuildIdTaken,
    BuildRunning,
    NoDockerfile,
    TooManyBuilds,
)
from environments.images.models import BuildStatus, Dockerfile, ImageBuild
from environments.images.rules import Checked
from environments.models import Environment, EnvironmentKind
from environments.signals import environment_changed

BUILD, REMOVE_IMAGES = "environments.build_image", "environments.remove_images"
QUEUE = "images"


def put_dockerfile(
    *, actor: Actor, environment_id: uuid.UUID, text: str | None, context: Upload | None = None, now: datetime
) -> Dockerfile:
    """Keep what the environment's image is built from, in the place of what was there before.

    Without `text` the Dockerfile is taken from the context. Without a context there is none.
    Raises: NotFound, Forbidden (below ADMIN); Invalid (no Docker environment); BuildsNotAllowed; BadContext;
        BadDockerfile (`details` name the lines, as `dockerfile.<line>`).
    """
    environment = _environment(actor, environment_id)
    policy.require_builds()
    if text is not None:
        _require_sound(policy.check(text, environment.organization_id))
    with contexts.received(context, environment.pk) as stored:
        if text is None:
            text = stored.dockerfile if stored else None
            if text is None:
                raise BadDockerfile.field("dockerfile", "Send a Dockerfile, or a context that has one.")
            _require_sound(policy.check(text, environment.organization_id))
        values = {"text": text, "context_name": "", "context_sha256": "", "context_bytes": 0, "updated_at": now}
        if stored:
            values |= {"context_name": stored.name, "context_sha256": stored.sha256, "context_bytes": stored.size_bytes}
        with transaction.atomic():
            kept, _ = Dockerfile.objects.update_or_create(
                environment=environment, organization_id=environment.organization_id, defaults=values
            )
            if stored:
                stored.keep()
    contexts.tidy(environment.pk)
    return kept


def delete_dockerfile(*, actor: Actor, environment_id: uuid.UUID, now: datetime) -> None:
    """The environment uses the image that its configuration names again; what was built for it goes when unused.

    Raises: NotFound, Forbidden; BuildRunning.
    """
    environment = _environment(actor, environment_id)
    with transaction.atomic():
        _lock(environment)
        if ImageBuild.objects.live().filter(environment=environment).exists():
            raise BuildRunning
        Dockerfile.objects.filter(environment=environment).delete()
        _defer_removal(environment.pk)
        environment_changed.send(sender=Dockerfile, environment_id=environment.pk)
    contexts.tidy(environment.pk)


def request_build(
    *, actor: Actor, environment_id: uuid.UUID, use_cache: bool = True, key: uuid.UUID | None = None, now: datetime
) -> ImageBuild:
    """Let a worker build the environment's image; with a `key` that is known the build made then is given back.

    Raises: NotFound, Forbidden (below ADMIN); BuildsNotAllowed; NoDockerfile; BadDockerfile; BuildRunning;
        TooManyBuilds; BuildIdTaken.
    """
    environment = _environment(actor, environment_id)
    policy.require_builds()
    if known := _known(environment, key):
        return known
    try:
        with transaction.atomic():
            return _new_build(actor, environment, use_cache, key, now)
    except IntegrityError as error:
        if known := _known(environment, key):
            return known
        raise BuildRunning from error


def _new_build(
    actor: Actor, environment: Environment, use_cache: bool, key: uuid.UUID | None, now: datetime
) -> ImageBuild:
    _lock(environment)
    source = Dockerfile.objects.filter(environment=environment).first()
    if source is None:
        raise NoDockerfile
    _require_sound(policy.check(source.text, environment.organization_id))  # the operator's list may have changed
    live = ImageBuild.objects.live().filter(organization_id=environment.organization_id)
    if live.filter(environment=environment).exists():
        raise BuildRunning
    if live.count() >= settings.BUILDS_PER_ORGANIZATION:
        raise TooManyBuilds
    build = ImageBuild.objects.create(
        organization_id=environment.organization_id,
        environment=environment,
        dockerfile=source.text,
        context_sha256=source.context_sha256,
        use_cache=use_cache,
        request_key=key,
        created_by=actor.user,
        created_at=now,
    )
    app.configure_task(BUILD, queue=QUEUE, lock=f"build:{build.pk}").defer(build_id=str(build.pk))
    return build


def cancel_build(*, actor: Actor, id: uuid.UUID, now: datetime) -> ImageBuild:
    """Ask a running build to end, or end a waiting one. Raises: NotFound, Forbidden; BuildFinished."""
    build = fetch(ImageBuild, actor, id, Role.ADMIN)
    with transaction.atomic():
        rows = ImageBuild.objects.filter(pk=build.pk)
        waiting, running = rows.filter(status=BuildStatus.PENDING), rows.filter(status=BuildStatus.RUNNING)
        ended = {"status": BuildStatus.CANCELLED, "cancel_requested_at": now, "finished_at": now}
        if not (waiting.update(**ended) or running.update(cancel_requested_at=now)):
            raise BuildFinished
    return fetch(ImageBuild, actor, id)


def forget(environment: Environment, *, now: datetime) -> None:
    """The environment is gone for good: its builds stop, its Dockerfile, contexts and images go."""
    live = ImageBuild.objects.filter(environment=environment)
    ended = {"status": BuildStatus.CANCELLED, "cancel_requested_at": now, "finished_at": now}
    live.filter(status=BuildStatus.PENDING).update(**ended)
    live.filter(status=BuildStatus.RUNNING).update(cancel_requested_at=now)
    Dockerfile.objects.filter(environment=environment).delete()
    _defer_removal(environment.pk)
    transaction.on_commit(lambda: contexts.remove(environment.pk))


def _defer_removal(environment_id: uuid.UUID) -> None:
    app.configure_task(REMOVE_IMAGES, queue=QUEUE).defer(environment_id=str(environment_id))


def _environment(actor: Actor, id: uuid.UUID) -> Environment:
    environment = fetch(Environment, actor, id, Role.ADMIN)
    if environment.kind != EnvironmentKind.DOCKER:
        raise Invalid("Only Docker environments have images of their own.")
    return environment


def _lock(environment: Environment) -> None:
    """So that what an organisation builds at one time is counted by one request after the other."""
    Organization.objects.select_for_update(no_key=True).get(pk=environment.organization_id)


def _known(environment: Environment, key: uuid.UUID | None) -> ImageBuild | None:
    """What the same request made before. Raises: BuildIdTaken."""
    ours = ImageBuild.objects.filter(organization_id=environment.organization_id, request_key=key)
    made = ours.first() if key else None
    if made is not None and made.environment_id != environment.pk:
        raise BuildIdTaken
    return made


def _require_sound(checked: Checked) -> None:
    """Raises: BadDockerfile."""
    if checked.problems:
        details = [{"field": f"dockerfile.{one.line}", "message": one.message} for one in checked.problems]
        raise BadDockerfile(checked.problems[0].message, details=details)
