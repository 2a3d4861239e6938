"""Projects made, changed and deleted; each service does all of it or nothing."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from accounts import secrets
from accounts.errors import Invalid, NotFound
from accounts.names import UNSAFE
from accounts.tenancy import Actor, Role, fetch
from environments import services as environments
from environments.models import Environment
from gateway import services as gateway_services
from projects import contents, imports, refs, remotes
from projects.errors import BadArchive, ImportFinished, ProjectIdTaken, ProjectNotReady
from projects.models import ImportStatus, Project, ProjectImport, ProjectQuerySet, ProjectSource, ProjectStatus
from projects.repository import Repository, quarantine, scratch_root
from projects.signals import project_changed, project_deleted, project_undeleted
from projects.vault import Vault
from runtime.failpoints import failpoint

MAX_NAME = 100  # characters
REMOVE_VAULT = "projects.remove_vault"


@dataclass(frozen=True)
class _Asked:
    """What all requests for a new project say."""

    actor: Actor
    organization_id: uuid.UUID
    name: str
    key: uuid.UUID | None
    now: datetime
    environment: Environment | None = None

    def once(self, source: str, make: Callable[[], Project]) -> Project:
        """What the same request made before, else what `make` makes; of two at once the second gets the first one's."""
        if known := self._known(source):
            return known
        try:
            return make()
        except IntegrityError:
            if known := self._known(source):
                return known
            raise

    def row(self, **fields: Any) -> Project:
        made = Project.objects.create(
            organization_id=self.organization_id,
            name=self.name,
            default_environment=self.environment,
            request_key=self.key,
            created_by=self.actor.user,
            created_at=self.now,
            **fields,
        )
        project_changed.send(sender=Project, organization_id=self.organization_id)
        return made

    def _known(self, source: str) -> Project | None:
        made = Project.with_deleted.filter(request_key=self.key).first() if self.key else None
        if made is None:
            return None
        is_same = (made.organization_id, made.name, made.source) == (self.organization_id, self.name, source)
        if not is_same or made.deleted_at is not None:
            raise ProjectIdTaken
        return made


def create_project(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    name: str,
    source: str,
    url: str = "",
    token: str = "",
    default_environment_id: uuid.UUID | None = None,
    docker_mode: bool = False,
    key: uuid.UUID | None = None,
    now: datetime,
) -> Project:
    """Make a project that is empty, holds the sample, or will be filled from a git URL by a worker.

    With a `key` that is known the project made then is given back. `docker_mode` is what was there before environments.
    Raises: NotFound (also of the environment), Forbidden; Invalid (name, source, token); BadUrl; NotARepository;
        ProjectIdTaken; KindNotAvailable.
    """
    actor.require(organization_id, Role.MEMBER)
    environment = _environment(actor, organization_id, default_environment_id)
    if docker_mode and environment is None:
        environment = environments.docker_environment(organization_id)
    asked = _Asked(actor, organization_id, clean_name(name), key, now, environment)
    return asked.once(source, lambda: _create(asked, source, url, token))


def _create(asked: _Asked, source: str, url: str, token: str) -> Project:
    if source == ProjectSource.URL:
        return _create_from_url(asked, url.strip(), token.strip())
    if url or token:
        raise Invalid.field("url", "Only a project from a URL takes a URL and a token.")
    if source not in (ProjectSource.EMPTY, ProjectSource.SAMPLE):
        raise Invalid.field("source", "Choose one of: EMPTY, URL, SAMPLE.")
    with quarantine() as scratch:
        is_sample = source == ProjectSource.SAMPLE
        branch = contents.fill_sample(scratch) if is_sample else contents.fill_empty(scratch, name=asked.name)
        return _publish(asked, ProjectSource(source), scratch, branch)


def create_from_upload(
    *,
    actor: Actor,
    organization_id: uuid.UUID,
    name: str,
    filename: str,
    chunks: Iterable[bytes],
    size_bytes: int,
    default_environment_id: uuid.UUID | None = None,
    key: uuid.UUID | None = None,
    now: datetime,
) -> Project:
    """Make a project from a zip, tar.gz, tar or git bundle. With a `key` that is known it is given back.

    Raises: NotFound, Forbidden; Invalid (name); BadArchive, RejectedObjects (nothing of it is kept); ProjectIdTaken.
    """
    actor.require(organization_id, Role.MEMBER)
    name = clean_name(name or Path(filename).name.split(".")[0])
    if size_bytes > settings.UPLOAD_MAX_BYTES:
        raise BadArchive.field("file", f"The file is larger than {settings.UPLOAD_MAX_BYTES // 2**20} MiB.")
    environment = _environment(actor, organization_id, default_environment_id)
    asked = _Asked(actor, organization_id, name, key, now, environment)
    return asked.once(ProjectSource.UPLOAD, lambda: _create_from_upload(asked, filename, chunks))


def _create_from_upload(asked: _Asked, filename: str, chunks: Iterable[bytes]) -> Project:
    with tempfile.NamedTemporaryFile(dir=scratch_root(), suffix=".upload") as file, quarantine() as scratch:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        shown = UNSAFE.sub("", Path(filename).name)[:100] or "an upload"
        branch = contents.fill_upload(scratch, Path(file.name), filename=shown)
        return _publish(asked, ProjectSource.UPLOAD, scratch, branch)


def update_project(
    *,
    actor: Actor,
    id: uuid.UUID,
    name: str | None = None,
    default_branch: str | None = None,
    default_model: str | None = None,
    default_environment_id: uuid.UUID | None = None,
    fields: Iterable[str] = (),
) -> Project:
    """Change what is given; `fields` names the ones that were, since an environment or a model may be set to none.

    Raises: NotFound, Forbidden; Invalid; ProjectNotReady (a branch, before there is a vault).
    """
    project = fetch(Project.objects.with_import(), actor, id, Role.MEMBER)
    given = set(fields)
    if not given:
        return project
    if "name" in given:
        project.name = clean_name(name or "")
    if "default_branch" in given:
        project.default_branch = refs.require_branch(default_branch or "", field="default_branch")
        require_ready(project).resolve_branch(project.default_branch, field="default_branch")
    if "default_model" in given:
        project.default_model = gateway_services.require_model(default_model) if default_model else ""
    if "default_environment_id" in given:
        project.default_environment = _environment(actor, project.organization_id, default_environment_id)
    with transaction.atomic():
        project.save(update_fields=sorted(field.removesuffix("_id") for field in given))
        if "default_branch" in given:
            Vault(project.pk).repository.set_head(project.default_branch)
        project_changed.send(sender=Project, organization_id=project.organization_id)
    return project


def delete_project(*, actor: Actor, id: uuid.UUID, now: datetime) -> None:
    """Hide the project at once; its vault goes when that can no longer be taken back. Raises: NotFound, Forbidden."""
    project = fetch(Project, actor, id, Role.MEMBER)
    with transaction.atomic():
        if not Project.objects.filter(pk=project.pk).update(deleted_at=now):
            return
        live = ProjectImport.objects.filter(project=project, status__in=imports.LIVE)
        live.filter(status=ImportStatus.PENDING).update(status=ImportStatus.CANCELLED, secret=None, finished_at=now)
        live.filter(status=ImportStatus.RUNNING).update(cancel_requested_at=now)
        project_deleted.send(sender=Project, project=project, now=now)
        project_changed.send(sender=Project, organization_id=project.organization_id)
        if not settings.UNDO_S:
            defer_removal(project.pk)


def deleted_projects(*, now: datetime) -> ProjectQuerySet:
    """Those whose deletion may still be taken back."""
    found: ProjectQuerySet = Project.with_deleted.filter(deleted_at__gt=now - timedelta(seconds=settings.UNDO_S))
    return found


def undelete_project(*, actor: Actor, id: uuid.UUID, now: datetime) -> Project:
    """Give it back with the sessions that went with it, while its vault is kept. Raises: NotFound, Forbidden."""
    fetch(deleted_projects(now=now), actor, id, Role.MEMBER)
    with transaction.atomic():
        # What removes the vault holds this lock.
        project = deleted_projects(now=now).select_for_update().filter(pk=id).first()
        if project is None:
            raise NotFound
        deleted_at = project.deleted_at
        Project.with_deleted.filter(pk=id).update(deleted_at=None)
        project_undeleted.send(sender=Project, project=project, deleted_at=deleted_at)
        project_changed.send(sender=Project, organization_id=project.organization_id)
    return fetch(Project.objects.with_import(), actor, id)


def defer_removal(project_id: uuid.UUID) -> None:
    """Once, however often it is asked."""
    task = app.configure_task(REMOVE_VAULT, queue="imports", queueing_lock=f"{REMOVE_VAULT}:{project_id}")
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        task.defer(project_id=str(project_id))


def remove_vault(project_id: uuid.UUID) -> None:
    """Take a deleted project's repository off the disk; nothing for one that lives or is unknown."""
    with transaction.atomic():
        # An import that is being published holds this lock.
        project = Project.with_deleted.select_for_update().filter(pk=project_id).exclude(deleted_at=None).first()
        if project is not None:
            Vault(project_id).remove()


def cancel_import(*, actor: Actor, id: uuid.UUID, now: datetime) -> Project:
    """Raises: NotFound, Forbidden; ImportFinished."""
    project = fetch(Project.objects.with_import(), actor, id, Role.MEMBER)
    row = project.latest_import
    if row is None:
        raise ImportFinished
    imports.cancel(row=row, now=now)
    return fetch(Project.objects.with_import(), actor, id)


def require_ready(project: Project) -> Vault:
    """The vault of a project that has one. Raises: ProjectNotReady."""
    if not project.is_ready:
        raise ProjectNotReady
    return Vault(project.pk)


def clean_name(name: str) -> str:
    """A name to show: 1 to 100 characters, none of them invisible control. Raises: Invalid."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= MAX_NAME or UNSAFE.search(stripped):
        raise Invalid.field("name", "A name has 1 to 100 characters and no control characters.")
    return stripped


def _create_from_url(asked: _Asked, url: str, token: str) -> Project:
    """Ask the server first: a wrong address is told at once, not by a failed import."""
    remote = remotes.check_url(url)
    remotes.probe(remote, token=remotes.check_token(token))
    organization_id = asked.organization_id
    sealed = secrets.seal(token.encode(), organization_id=organization_id, purpose=imports.PURPOSE) if token else None
    with transaction.atomic():
        project = asked.row(source=ProjectSource.URL, source_url=url)
        row = ProjectImport.objects.create(organization_id=organization_id, project=project, secret=sealed)
        task = app.configure_task("projects.import_url", queue="imports", lock=f"import:{row.pk}")
        task.defer(import_id=str(row.pk))
    return project


def _publish(asked: _Asked, source: ProjectSource, scratch: Repository, branch: str) -> Project:
    """Row and vault together: the rename comes last, and undoes the row when it fails."""
    scratch.set_head(branch)
    with transaction.atomic():
        project = asked.row(status=ProjectStatus.READY, source=source, default_branch=branch)
        scratch.move_to(Vault(project.pk).path)
        failpoint("project.before_commit")
    return project


def _environment(actor: Actor, organization_id: uuid.UUID, id: uuid.UUID | None) -> Environment | None:
    if id is None:
        return None
    return fetch(Environment.objects.filter(organization_id=organization_id), actor, id)
