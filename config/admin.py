"""The operator's view of critical errors; what is mended is deleted, and comes back when it happens again."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from config.models import ErrorReport


@admin.register(ErrorReport)
class ErrorReportAdmin(admin.ModelAdmin[ErrorReport]):
    list_display = ["event", "error", "place", "count", "last_seen_at", "first_seen_at", "role"]
    list_filter = ["logger", "error", "role", "last_seen_at"]
    search_fields = ["event", "error", "detail", "request_id", "session_id", "job_id", "organization_id"]
    ordering = ["-last_seen_at"]
    exclude = ["traceback", "fingerprint"]
    readonly_fields = ["as_it_was"]
    show_full_result_count = False

    @admin.display(description="Traceback")
    def as_it_was(self, report: ErrorReport) -> str:
        return format_html("<pre>{}</pre>", report.traceback)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ErrorReport | None = None) -> bool:
        return False
