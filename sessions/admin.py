"""The operator's view of sessions: looking, cancelling jobs, stopping sessions. The log cannot be changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from accounts.errors import DomainError
from sessions import queries, services
from sessions.models import (
    AgentSession,
    Attachment,
    Checkpoint,
    Job,
    Message,
    PermissionRequest,
    PermissionRule,
    Prompt,
    Restoration,
)

TAIL = 100


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows are made and changed by services only; an operator looks, and uses the actions."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Without an object it decides whether actions are offered.
        return obj is None and super().has_change_permission(request)


@admin.register(AgentSession)
class AgentSessionAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "organization",
        "project",
        "status",
        "git_status",
        "model",
        "cost_usd",
        "created_at",
        "deleted_at",
    ]
    list_filter = ["status", "git_status", "is_practice", "permission_mode", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = ["id", "name", "branch", "project__name", "organization__name", "created_by__email"]
    list_select_related = ["organization", "project"]
    exclude = ["agent_state", "live"]
    readonly_fields = ["newest_events"]
    date_hierarchy = "created_at"
    actions = ["stop_sessions"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgentSession]:
        found: QuerySet[AgentSession] = AgentSession.with_deleted.all()
        return found

    @admin.display(description="Newest events")
    def newest_events(self, session: AgentSession) -> str:
        """The log's tail; the admin has no pages for events, whose key is of two columns."""
        rows = queries.events_after(session.pk, max(0, session.last_seq - TAIL), TAIL)[::-1]
        lines = ((row["created_at"], row["seq"], row["kind"], str(row["payload"])[:300]) for row in rows)
        return format_html("<pre>{}</pre>", format_html_join("\n", "{} {} {} {}", lines))

    @admin.action(description="Stop the selected sessions", permissions=["change"])
    def stop_sessions(self, request: HttpRequest, queryset: QuerySet[AgentSession]) -> None:
        """Cancel what runs and end the sandboxes; the work is kept."""
        done = sum(_tried(lambda row=row: services.stop_session(session=row, now=timezone.now())) for row in queryset)
        self.message_user(request, f"{done} sessions are being stopped.", messages.SUCCESS)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "organization",
        "session",
        "status",
        "progress",
        "progress_message",
        "created_at",
        "finished_at",
    ]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "session__id", "session__name", "organization__name", "error"]
    list_select_related = ["organization", "session"]
    actions = ["cancel_jobs"]

    @admin.action(description="Cancel the selected jobs", permissions=["change"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """As if the user had cancelled them."""
        done = sum(
            _tried(lambda row=row: services.cancel(session=row.session, job_id=row.pk, now=timezone.now()))
            for row in queryset.select_related("session")
        )
        self.message_user(request, f"{done} jobs cancelled.", messages.SUCCESS)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "session", "author", "created_at", "delivered_at"]
    list_filter = ["created_at", ("delivered_at", admin.EmptyFieldListFilter)]
    search_fields = ["id", "session__id", "session__name", "author__email"]
    list_select_related = ["organization", "session", "author"]


@admin.register(PermissionRequest)
class PermissionRequestAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "organization",
        "session",
        "kind",
        "tool",
        "status",
        "answered_by",
        "created_at",
        "answered_at",
    ]
    list_filter = ["status", "kind", "created_at"]
    search_fields = ["id", "session__id", "session__name", "tool", "answered_by__email"]
    list_select_related = ["organization", "session", "answered_by"]


@admin.register(PermissionRule)
class PermissionRuleAdmin(ReadOnlyAdmin):
    list_display = ["rule", "organization", "project", "session", "created_by", "created_at"]
    list_filter = ["created_at", ("session", admin.EmptyFieldListFilter)]
    search_fields = ["id", "rule", "project__name", "session__id", "session__name", "created_by__email"]
    list_select_related = ["organization", "project", "session", "created_by"]


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "session", "media_type", "size", "author", "created_at"]
    list_filter = ["media_type", "created_at", ("message", admin.EmptyFieldListFilter)]
    search_fields = ["id", "session__id", "session__name", "sha256", "author__email"]
    list_select_related = ["organization", "session", "author"]
    exclude = ["data"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        return super().get_queryset(request).defer("data")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ["commit", "organization", "session", "git_status", "files_changed", "created_at"]
    list_filter = ["git_status", "created_at"]
    search_fields = ["id", "commit", "session__id", "session__name"]
    list_select_related = ["organization", "session"]


@admin.register(Restoration)
class RestorationAdmin(ReadOnlyAdmin):
    list_display = ["id", "organization", "session", "status", "files_changed", "requested_by", "created_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "session__id", "session__name", "requested_by__email"]
    list_select_related = ["organization", "session", "requested_by"]


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin):
    """How much is kept of whom; what people asked is not the operator's to read here."""

    list_display = ["id", "organization", "project", "user", "used_count", "last_used_at"]
    list_filter = ["last_used_at"]
    search_fields = ["id", "user__email", "project__name", "project__sessions__id"]
    list_select_related = ["organization", "project", "user"]
    exclude = ["text", "digest"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prompt]:
        return super().get_queryset(request).defer("text")


def _tried(action: Any) -> bool:
    """Whether it could be done; what is over already is passed by."""
    try:
        action()
    except DomainError:
        return False
    return True
