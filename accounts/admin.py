"""The operator's view of users, organisations and tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.models import ApiToken, Membership, Organization, Preferences, User


class MembershipInline(admin.TabularInline[Membership, Any]):
    model = Membership
    extra = 0
    autocomplete_fields = ["user", "organization"]


class UserForm(UserChangeForm[User]):
    class Meta:
        model = User
        fields = "__all__"


class NewUserForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, type] = {}


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    form = UserForm
    add_form = NewUserForm
    ordering = ["-created_at"]
    list_display = ["email", "name", "is_active", "is_staff", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "created_at"]
    search_fields = ["email", "name"]
    readonly_fields = ["id", "created_at", "last_login"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["id", "email", "name", "password"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["created_at", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "usable_password", "password1", "password2"]})]
    inlines = [MembershipInline]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not the last owner of an organisation, whose projects and running sessions nobody could reach any more."""
        return super().has_delete_permission(request, obj) and (obj is None or not services.owns_alone(user=obj))


@admin.register(Preferences)
class PreferencesAdmin(admin.ModelAdmin[Preferences]):
    list_display = ["user", "theme", "language", "notifications", "updated_at"]
    list_filter = ["theme", "language", "notifications"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    autocomplete_fields = ["user"]
    readonly_fields = ["updated_at"]


@admin.register(Organization)
class OrganizationAdmin(admin.ModelAdmin[Organization]):
    list_display = ["name", "id", "is_personal", "suspended_at", "created_at"]
    list_filter = ["is_personal", ("suspended_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["name", "id", "members__email"]
    readonly_fields = ["id", "suspended_at", "created_at"]
    ordering = ["-created_at"]
    inlines = [MembershipInline]
    actions = ["suspend", "resume"]

    @admin.action(description=_("Suspend the selected organisations"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        count = services.suspend_organizations(ids=queryset.values_list("pk", flat=True), now=timezone.now())
        self.message_user(request, _("Suspended: %d") % count)

    @admin.action(description=_("Resume the selected organisations"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        count = services.resume_organizations(ids=queryset.values_list("pk", flat=True))
        self.message_user(request, _("Resumed: %d") % count)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """Tokens can be looked at and revoked; their digests are of no use to anyone."""

    list_display = ["prefix", "name", "user", "organization", "scopes", "expires_at", "revoked_at", "last_used_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ["user", "organization"]
    search_fields = ["prefix", "name", "user__email", "organization__name"]
    exclude = ["digest"]
    ordering = ["-created_at"]
    actions = ["revoke"]

    @admin.action(description=_("Revoke the selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, _("Revoked: %d") % count)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        # Actions need this right; a single token's page stays read-only.
        return obj is None
