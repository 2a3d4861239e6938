"""New sessions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.errors import Invalid, NotFound
from accounts.tenancy import Actor, Role
from environments import services as environments
from gateway import services as gateway
from projects.models import Project, ProjectStatus
from projects.vault import Vault
from runtime.failpoints import failpoint
from sessions import log
from sessions.errors import MessageIdTaken, NameTaken, ProjectNotReady
from sessions.models import AgentSession, Message, PermissionMode, SessionStatus
from sessions.services import entries, messages, naming


@dataclass(frozen=True)
class NewSessions:
    """What is asked for; what is left out comes from the project, the name from the prompt or `name_from`.

    `key` is the client's mark for the whole request.
    """

    name: str = ""
    count: int = 1
    prompt: str = ""
    model: str = ""
    permission_mode: str = PermissionMode.DEFAULT
    environment_id: uuid.UUID | None = None
    docker_mode: bool = False
    base_branch: str = ""
    name_from: str = ""
    key: uuid.UUID | None = None


@dataclass(frozen=True)
class _Base:
    """What all sessions of one request share."""

    choice: environments.Choice
    branch: str
    commit: str
    model: str
    mode: str
    is_practice: bool


def require_mode(mode: str) -> str:
    """The permission mode itself. Raises: Invalid."""
    if mode not in PermissionMode.values:
        raise Invalid.field("permission_mode", f"Choose one of: {', '.join(PermissionMode.values)}.")
    return mode


def create_sessions(*, actor: Actor, project: Project, new: NewSessions, now: datetime) -> list[AgentSession]:
    """Create all of them or none, each with the first prompt, if there is one, already queued.

    With a `key` that is known the sessions made then are given back.
    Raises: NotFound, Forbidden; Invalid (name, count, branch, model, mode, prompt); ProjectNotReady; NameTaken;
        MessageIdTaken; KindNotAvailable.
    """
    actor.require(project.organization_id, Role.MEMBER)
    is_named = bool(new.name.strip())
    names = naming.names_for(new.name if is_named else naming.name_from(new.prompt or new.name_from), new.count)
    if new.prompt:
        messages.clean_text(new.prompt, "prompt")
    keys = _keys(new)
    if project.status != ProjectStatus.READY:
        raise ProjectNotReady
    base = _base(actor, project, new)
    with transaction.atomic(), _one_project_a_key():
        _lock(project)
        if known := _known(project, names if is_named else None, keys, new.prompt):
            return known
        if is_named:
            _require_free(project, names)
        else:
            names = naming.free_names(names, _taken_names(project))
        taken = _taken_branches(project)
        made = [
            _create(actor, project, base, name, key, new.prompt, taken, now)
            for name, key in zip(names, keys, strict=True)
        ]
        failpoint("sessions.before_commit")
        return made


def _base(actor: Actor, project: Project, new: NewSessions) -> _Base:
    """Everything that is looked up before a row is locked; git is asked here, not inside the transaction."""
    branch = new.base_branch or project.default_branch
    choice = environments.choose_environment(
        actor=actor,
        organization_id=project.organization_id,
        environment_id=new.environment_id,
        preferred=project.default_environment,
        docker_mode=new.docker_mode,
    )
    return _Base(
        choice=choice,
        branch=branch,
        commit=Vault(project.pk).resolve_branch(branch),
        model=gateway.require_model(new.model or project.default_model or settings.MODELS[0]),
        mode=require_mode(new.permission_mode),
        is_practice=gateway.is_practice(project.organization_id, choice.environment.pk),
    )


def _keys(new: NewSessions) -> list[uuid.UUID | None]:
    """One a session, made from the client's, so that the whole request can be repeated; its first message's id too."""
    if new.key is None:
        return [None] * new.count
    rest = [uuid.uuid5(new.key, str(number)) for number in range(2, new.count + 1)]
    return [new.key, *rest]


@contextmanager
def _one_project_a_key() -> Iterator[None]:
    """Two requests with one key, for two projects at once: the second is told."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "request_key" not in str(error):
            raise
        raise MessageIdTaken from error


def _lock(project: Project) -> None:
    """Sessions of one project are created one request after the other: names and branches stay unique."""
    if not Project.objects.select_for_update().filter(pk=project.pk).exists():
        raise NotFound


def _known(project: Project, names: list[str] | None, keys: list[uuid.UUID | None], prompt: str) -> list[AgentSession]:
    """What the same request made before; empty when it is new; without `names` they were found for it.

    Raises: MessageIdTaken (it was another request).
    """
    rows = AgentSession.with_deleted.filter(request_key__in=[key for key in keys if key])
    found = {row.request_key: row for row in rows}
    if not found:
        return []
    made = [found[key] for key in keys if key in found]
    is_named_so = len(made) == len(keys) if names is None else [row.name for row in made] == names
    is_same = is_named_so and all(row.project_id == project.pk and row.deleted_at is None for row in made)
    if not is_same or not _had_prompt(made, prompt):
        raise MessageIdTaken
    return made


def _had_prompt(made: list[AgentSession], prompt: str) -> bool:
    """Whether each began with this prompt; one that was edited while it waited is still the one."""
    first = Message.objects.filter(pk__in=[row.request_key for row in made]).values_list("text", "edited_at")
    texts = [text if edited_at is None else prompt for text, edited_at in first]
    return texts == ([prompt] * len(made) if prompt else [])


def _require_free(project: Project, names: list[str]) -> None:
    taken = AgentSession.objects.filter(project=project, name__in=names).values_list("name", flat=True)
    if name := taken.first():
        message = f"This project has a session named “{name}” already."
        raise NameTaken(message, details=[{"field": "name", "message": message}])


def _taken_names(project: Project) -> set[str]:
    return set(AgentSession.objects.filter(project=project).values_list("name", flat=True))


def _taken_branches(project: Project) -> set[str]:
    """Of deleted sessions too: their checkpoints stay in the vault under that name."""
    own = AgentSession.with_deleted.filter(project=project).values_list("branch", flat=True)
    return {*own, *(branch.name.lower() for branch in Vault(project.pk).branches())}


def _create(
    actor: Actor,
    project: Project,
    base: _Base,
    name: str,
    key: uuid.UUID | None,
    prompt: str,
    taken: set[str],
    now: datetime,
) -> AgentSession:
    branch = naming.branch_for(name, taken)
    taken.add(branch)
    session = AgentSession.objects.create(
        organization_id=project.organization_id,
        project=project,
        environment=base.choice.environment,
        created_by=actor.user,
        name=name,
        model=base.model,
        permission_mode=base.mode,
        base_branch=base.branch,
        base_commit=base.commit,
        branch=branch,
        status=SessionStatus.INITIALIZING if prompt else SessionStatus.WAITING_INPUT,
        is_practice=base.is_practice,
        request_key=key,
        created_at=now,
    )
    if base.choice.warning:
        log.append(session, [entries.notice("warning", base.choice.warning)], now=now)
    if prompt:
        messages.send_message(session=session, author=actor.user, text=prompt, message_id=key, now=now)
    return session
