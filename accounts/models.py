"""Who: users and how they like it, organisations, memberships and API tokens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from accounts.tenancy import Actor, Role, TenantModel, TenantQuerySet


def new_id() -> uuid.UUID:
    """A time-sortable UUIDv7."""
    return uuid7()


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An ordinary user; the e-mail address is the login and is kept in lower case."""
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An operator, who may use the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Forms keep addresses in lower case too, so that one person cannot have two accounts by mistake."""
        super().clean()
        self.email = self.email.lower()

    @property
    def display_name(self) -> str:
        return self.name or self.email.split("@", 1)[0]


class Theme(models.TextChoices):
    SYSTEM = "SYSTEM", _("System")
    LIGHT = "LIGHT", _("Light")
    DARK = "DARK", _("Dark")


class Notifications(models.TextChoices):
    """Whether browsers may tell of sessions in the background; each browser asks for its own permission besides."""

    UNDECIDED = "UNDECIDED", _("Not decided yet")
    ON = "ON", _("On")
    OFF = "OFF", _("Off")


class Preferences(models.Model):
    """How one person likes it, on every device; who never chose anything has no row."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="preferences")
    theme = models.CharField(max_length=6, choices=Theme.choices, default=Theme.SYSTEM)
    language = models.CharField(max_length=10, blank=True, choices=settings.LANGUAGES)  # empty: as the browser asks
    wrap_code = models.BooleanField(default=False)
    notifications = models.CharField(max_length=9, choices=Notifications.choices, default=Notifications.UNDECIDED)
    notify_waiting = models.BooleanField(default=True)
    notify_ended = models.BooleanField(default=True)
    notify_failed = models.BooleanField(default=True)
    has_sound = models.BooleanField(default=False)
    is_tour_done = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def of(self, actor: Actor) -> Self:
        """The organisations that the actor belongs to, suspended ones too."""
        return self.filter(pk__in=[*actor.roles, *actor.suspended])

    def fetch(self, actor: Actor, id: uuid.UUID, role: Role = Role.VIEWER) -> Organization:
        """One of them. Raises: NotFound, Forbidden, OrganizationSuspended, as `tenancy.fetch` does."""
        actor.require(id, role)
        return self.get(pk=id)


class Organization(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100)
    is_personal = models.BooleanField(default=False)
    # How many turns may be at work at a time, where that differs from the settings.
    turn_limit = models.PositiveIntegerField(_("turns at a time"), null=True, blank=True)
    user_turn_limit = models.PositiveIntegerField(_("turns of one member at a time"), null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    objects = OrganizationQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.role}"


class ApiTokenQuerySet(TenantQuerySet["ApiToken"]):
    def usable(self, now: datetime) -> Self:
        """Tokens that open something: not revoked, not expired, their user not locked out."""
        alive = Q(expires_at=None) | Q(expires_at__gt=now)
        return self.filter(alive, revoked_at=None, user__is_active=True)

    def of(self, actor: Actor) -> Self:
        """The actor's own tokens that are not revoked."""
        return self.visible_to(actor).filter(user=actor.user, revoked_at=None)


class ApiToken(TenantModel):
    """A bearer token of one user for one organisation; only its SHA-256 is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    request_key = models.UUIDField(null=True, blank=True)  # so that what made it can be repeated

    objects: ClassVar = ApiTokenQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "request_key"], name="one_token_per_key")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
