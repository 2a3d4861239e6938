"""The operator's view of usage, budgets, keys and tokens; secrets are neither shown nor set here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.models import Budget, GatewayToken, PlaceKey, ProviderKey, UsageEntry


class ReadOnlyAdmin:
    """Rows that only the gateway writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(UsageEntry)
class UsageEntryAdmin(ReadOnlyAdmin, admin.ModelAdmin[UsageEntry]):
    list_display = [
        "created_at",
        "organization",
        "subject_id",
        "model",
        "status",
        "input_tokens",
        "output_tokens",
        "cache_write_tokens",
        "cache_read_tokens",
        "cost_usd",
        "is_estimated",
    ]
    list_filter = ["is_practice", "is_estimated", "model", "status", "created_at"]
    search_fields = ["=subject_id", "=request_id", "organization__name"]
    list_select_related = ["organization"]
    date_hierarchy = "created_at"

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin[Budget]):
    list_display = ["organization", "limit_usd"]
    search_fields = ["organization__name"]
    autocomplete_fields = ["organization"]
    list_select_related = ["organization"]


@admin.register(ProviderKey)
class ProviderKeyAdmin(ReadOnlyAdmin, admin.ModelAdmin[ProviderKey]):
    list_display = ["organization", "provider", "last_four", "updated_at"]
    search_fields = ["organization__name"]
    fields = ["organization", "provider", "last_four", "updated_at"]
    list_select_related = ["organization"]


@admin.register(PlaceKey)
class PlaceKeyAdmin(ReadOnlyAdmin, admin.ModelAdmin[PlaceKey]):
    list_display = ["organization", "place_id", "form", "last_four", "expires_at", "updated_at"]
    search_fields = ["=place_id", "organization__name"]
    fields = ["organization", "place_id", "form", "last_four", "expires_at", "updated_at"]
    list_select_related = ["organization"]


@admin.register(GatewayToken)
class GatewayTokenAdmin(ReadOnlyAdmin, admin.ModelAdmin[GatewayToken]):
    list_display = ["subject_id", "organization", "created_at", "expires_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["=subject_id", "organization__name"]
    fields = ["subject_id", "organization", "created_at", "expires_at", "revoked_at"]
    list_select_related = ["organization"]
    actions = ["revoke"]

    @admin.action(description=_("Revoke the selected tokens"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[GatewayToken]) -> None:
        queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
