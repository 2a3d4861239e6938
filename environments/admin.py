"""Environments and machines for the operator."""

from __future__ import annotations

from django.contrib import admin

from environments.models import Environment, Machine


@admin.register(Environment)
class EnvironmentAdmin(admin.ModelAdmin[Environment]):
    list_display = ("name", "organization", "kind", "is_default", "created_at")
    list_filter = ("kind", "is_default")
    search_fields = ("name", "organization__name")


@admin.register(Machine)
class MachineAdmin(admin.ModelAdmin[Machine]):
    list_display = ("id", "organization", "environment", "status", "started_at", "stopped_at", "reason")
    list_filter = ("status",)
    search_fields = ("id", "organization__name")
    list_select_related = ("organization", "environment")
