"""Environments and machines for the operator; services make and end them, since there is more to one than its row."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from environments.models import Environment, Machine


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin[Environment]):
    list_display = ("name", "organization", "kind", "is_default", "created_at")
    list_filter = ("kind", "is_default")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    fields = ("id", "organization", "name", "kind", "description", "config", "is_default", "created_at")
    readonly_fields = ("id", "organization", "kind", "config", "is_default", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Environment | None = None) -> bool:
        return False


@admin.register(Machine)
class MachineAdmin(admin.ModelAdmin[Machine]):
    list_display = ("id", "organization", "environment", "status", "started_at", "stopped_at", "reason")
    list_filter = ("status",)
    search_fields = ("id", "organization__name")
    list_select_related = ("organization", "environment")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Machine | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Machine | None = None) -> bool:
        return False
