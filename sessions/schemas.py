"""What the sessions API takes and gives; docs/api.md describes the same for readers."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AliasChoices, Field, PlainSerializer

from accounts.models import User
from sessions import queries
from sessions.live.start import MAX_SEQ, MAX_TAIL
from sessions.models import AgentSession, Attachment, Job, Message, PermissionRule, SessionStatus

Money = Annotated[Decimal, PlainSerializer(lambda value: f"{value:f}", return_type=str)]


class NewSessionsIn(Schema):
    id: uuid.UUID | None = None
    name: str = ""
    count: int = 1
    prompt: str = ""
    model: str = ""
    permission_mode: str = "default"
    environment_id: uuid.UUID | None = None
    docker_mode: bool = Field(False, validation_alias=AliasChoices("docker_mode", "dockerMode"), deprecated=True)
    base_branch: str = ""
    name_from: str = Field("", max_length=1000)
    message_id: uuid.UUID | None = None


class SessionPatch(Schema):
    name: str | None = None
    model: str | None = None
    permission_mode: str | None = None


class MessageIn(Schema):
    id: uuid.UUID | None = None
    text: str
    attachments: list[uuid.UUID] = Field([], max_length=100)
    now: bool = False


class MessagePatch(Schema):
    text: str


class AnswerIn(Schema):
    permission_id: uuid.UUID
    decision: Literal["allow", "deny"]
    reason: str = ""
    answers: dict[str, str] = {}
    always: bool = False
    scope: Literal["session", "project"] = "session"
    only: list[str] = Field([], max_length=100)
    mode: str = ""


class JobIn(Schema):
    job_id: uuid.UUID | None = None


class StopIn(Schema):
    force: bool = False


class SessionFilter(Schema):
    organization_id: uuid.UUID | None = None
    project_id: uuid.UUID | None = None
    status: SessionStatus | None = None


class Looked(Schema):
    """Archived sessions are in a list only when they are asked for; `q`: words of the name, title or branch."""

    archived: Literal["false", "true", "all"] = "false"
    q: str = Field("", max_length=200)


class ArchiveIn(Schema):
    stop: bool = False


class MarkIn(Schema):
    last_read_seq: int | None = Field(None, ge=0, le=MAX_SEQ)
    is_unread: bool = False
    is_pinned: bool | None = None


class MarkOut(Schema):
    session_id: uuid.UUID
    last_read_seq: int
    is_pinned: bool
    position: int | None


class OrderIn(Schema):
    session_ids: list[uuid.UUID] = Field(max_length=1000)


class TreeProject(Schema):
    id: uuid.UUID
    name: str
    status: str
    created_at: datetime


class TreeSession(Schema):
    id: uuid.UUID
    project_id: uuid.UUID
    author_id: uuid.UUID | None
    name: str
    title: str
    branch: str
    status: str
    is_waiting: bool
    git_status: str
    last_seq: int
    created_at: datetime
    updated_at: datetime


class TreeOut(Schema):
    projects: list[TreeProject]
    sessions: list[TreeSession]
    marks: list[MarkOut]


class LogQuery(Schema):
    """After a number, or before one."""

    after: int = Field(0, ge=0, le=MAX_SEQ)
    before: int | None = Field(None, ge=1, le=MAX_SEQ)
    limit: int = Field(200, ge=1, le=MAX_TAIL)


class AuthorOut(Schema):
    id: uuid.UUID
    name: str = Field(validation_alias=AliasChoices("display_name", "name"))


class AttachmentOut(Schema):
    id: uuid.UUID
    media_type: str
    size: int


class JobOut(Schema):
    id: uuid.UUID
    message_id: uuid.UUID | None
    trigger: str
    is_urgent: bool
    place: int | None
    status: str
    progress: int
    progress_message: str
    result: dict[str, Any] | None
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_message_id(job: Job) -> uuid.UUID | None:
        message: Message | None = getattr(job, "message", None)
        return message.pk if message else None

    @staticmethod
    def resolve_place(job: Job) -> int | None:
        place: int | None = getattr(job, "place", None)
        return place


class QueuedOut(JobOut):
    """A message that waits; `text` has its first 20,000 characters."""

    text: str
    is_truncated: bool
    author: AuthorOut | None
    attachments: list[AttachmentOut]
    edited_at: datetime | None

    @staticmethod
    def resolve_text(job: Job) -> str:
        return str(job.shown_text)  # type: ignore[attr-defined]

    @staticmethod
    def resolve_is_truncated(job: Job) -> bool:
        return bool(job.text_length > queries.MAX_QUEUED_TEXT)  # type: ignore[attr-defined]

    @staticmethod
    def resolve_author(job: Job) -> User | None:
        return job.message.author

    @staticmethod
    def resolve_attachments(job: Job) -> list[Attachment]:
        return list(job.message.attachments.all())

    @staticmethod
    def resolve_edited_at(job: Job) -> datetime | None:
        return job.message.edited_at


class PermissionOut(Schema):
    id: uuid.UUID
    kind: str
    tool: str
    input: Any
    description: str
    suggestions: list[Any]
    status: str
    created_at: datetime


class SessionListed(Schema):
    id: uuid.UUID
    organization_id: uuid.UUID
    project_id: uuid.UUID
    name: str
    title: str
    branch: str
    base_branch: str
    base_commit: str
    head_commit: str
    model: str
    permission_mode: str
    environment_id: uuid.UUID | None
    environment_name: str
    status: str
    status_reason: str
    git_status: str
    container_id: str | None
    stop_refused_at: datetime | None
    claude_session_id: uuid.UUID | None
    is_practice: bool
    is_waiting: bool
    cost_usd: Money
    input_tokens: int
    output_tokens: int
    files_changed: int
    context_tokens: int
    context_window: int
    background: list[Any]
    last_seq: int
    active_job: JobOut | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_environment_name(session: AgentSession) -> str:
        return session.environment.name if session.environment else ""

    @staticmethod
    def resolve_container_id(session: AgentSession) -> str | None:
        return queries.container_id(session)

    @staticmethod
    def resolve_active_job(session: AgentSession) -> Job | None:
        jobs: list[Job] = session.active_jobs  # type: ignore[attr-defined]
        return jobs[0] if jobs else None


class SessionOut(SessionListed):
    commands: list[Any]
    queue: list[QueuedOut]
    pending_permissions: list[PermissionOut] = Field(validation_alias=AliasChoices("waiting", "pending_permissions"))


class SessionsOut(Schema):
    items: list[SessionOut]


class RuleOut(Schema):
    id: uuid.UUID
    rule: str
    scope: str
    session_id: uuid.UUID | None
    created_by: AuthorOut | None
    created_at: datetime

    @staticmethod
    def resolve_scope(rule: PermissionRule) -> str:
        return "session" if rule.session_id else "project"


class RulesOut(Schema):
    items: list[RuleOut]


class SubAgentOut(Schema):
    call_id: str
    parent: str | None
    type: str
    description: str
    text: str
    result: str | None
    is_error: bool


class MessageOut(Schema):
    id: uuid.UUID
    text: str
    author: AuthorOut | None
    job_id: uuid.UUID
    created_at: datetime
    edited_at: datetime | None
    attachments: list[AttachmentOut]
    sub_agents: list[SubAgentOut] = []

    @staticmethod
    def resolve_attachments(message: Any) -> list[Attachment]:
        found = message["attachments"] if isinstance(message, dict) else message.attachments
        return list(found.all())


class SentOut(Schema):
    message: MessageOut
    job: JobOut


class EventOut(Schema):
    seq: int
    kind: str
    payload: dict[str, Any]
    job_id: uuid.UUID | None
    created_at: datetime


class LogOut(Schema):
    """`carried` has what a page that is read backwards refers to before its beginning."""

    items: list[EventOut]
    carried: list[EventOut] = []
    last_seq: int
    has_more: bool


class PromptsQuery(Schema):
    project_id: uuid.UUID | None = None
    q: str = Field("", max_length=200)
    limit: int = Field(50, ge=1, le=200)


class PromptOut(Schema):
    id: uuid.UUID
    text: str
    used_count: int
    last_used_at: datetime
    project_id: uuid.UUID


class PromptsOut(Schema):
    items: list[PromptOut]


def session_json(session: AgentSession) -> dict[str, Any]:
    """The session as the `hello` frame carries it; from `queries.detailed`."""
    queries.place([session])
    return SessionOut.from_orm(session).model_dump(mode="json")
