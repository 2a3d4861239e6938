"""The operator's view of projects and imports; the vault and secrets are not shown."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from projects import imports
from projects.errors import ImportFinished
from projects.models import Project, ProjectImport


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin[Project]):
    list_display = ["name", "organization", "status", "source", "created_at", "deleted_at"]
    list_filter = ["status", "source"]
    search_fields = ["name", "id", "organization__name", "source_url"]
    raw_id_fields = ["organization", "created_by", "default_environment"]
    readonly_fields = ["id", "status", "source", "source_url", "created_at", "deleted_at"]
    list_select_related = ["organization"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        found: QuerySet[Project] = Project.with_deleted.all()
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        return False


@admin.register(ProjectImport)
class ProjectImportAdmin(admin.ModelAdmin[ProjectImport]):
    list_display = ["project", "organization", "status", "step", "percent", "created_at", "finished_at"]
    list_filter = ["status"]
    search_fields = ["project__name", "project__id", "organization__name"]
    exclude = ["secret"]
    list_select_related = ["project", "organization"]
    actions = ["cancel_imports"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProjectImport | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    @admin.action(description="Cancel the selected imports")
    def cancel_imports(self, request: HttpRequest, queryset: QuerySet[ProjectImport]) -> None:
        count = 0
        for row in queryset:
            try:
                imports.cancel(row=row, now=timezone.now())
                count += 1
            except ImportFinished:
                continue
        self.message_user(request, f"{count} imports cancelled.", messages.SUCCESS)
