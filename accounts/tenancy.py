"""The scoped access layer: tenant-owned rows are reached through an `Actor` and in no other way."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar, cast

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.errors import Forbidden, NotFound, OrganizationSuspended

if TYPE_CHECKING:
    from accounts.models import User


class Role(models.TextChoices):
    """What a member may do; later roles may do all that earlier ones may."""

    VIEWER = "VIEWER", "Viewer"
    MEMBER = "MEMBER", "Member"
    ADMIN = "ADMIN", "Admin"
    OWNER = "OWNER", "Owner"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Scope(models.TextChoices):
    """What an API token may do at most, whatever its user's role."""

    READ = "READ", "Read"
    WRITE = "WRITE", "Read and write"
    ADMIN = "ADMIN", "Administer the organisation"


Row = TypeVar("Row", bound="TenantModel")

_SCOPE_ROLE = {Scope.READ: Role.VIEWER, Scope.WRITE: Role.MEMBER, Scope.ADMIN: Role.OWNER}


@dataclass(frozen=True)
class Actor:
    """Who asks: a user, the roles held per organisation, already narrowed by a token's organisation and scopes.

    Organisations that the operator suspended are not in `roles` but in `suspended`: their rows are in no list.
    """

    user: User
    roles: dict[uuid.UUID, Role] = field(default_factory=dict)
    suspended: dict[uuid.UUID, Role] = field(default_factory=dict)
    token_id: uuid.UUID | None = None  # None: signed in with a browser session

    def role_in(self, organization_id: uuid.UUID) -> Role | None:
        return self.roles.get(organization_id)

    def require(self, organization_id: uuid.UUID, role: Role) -> None:
        """Raise NotFound for a stranger and Forbidden for a member whose role is below `role`.

        A suspended organisation is forbidden to all of its members (OrganizationSuspended).
        """
        if organization_id in self.suspended:
            raise OrganizationSuspended
        held = self.role_in(organization_id)
        if held is None:
            raise NotFound
        if not held.covers(role):
            raise Forbidden

    def narrowed(self, organization_id: uuid.UUID, scopes: Iterable[str], token_id: uuid.UUID | None = None) -> Actor:
        """The same user through a token: one organisation, and at most what the widest scope allows."""
        allowed = [_SCOPE_ROLE[Scope(scope)] for scope in scopes]
        if not allowed:
            return Actor(self.user, token_id=token_id)
        ceiling = max(allowed, key=list(Role).index)

        def cut(roles: dict[uuid.UUID, Role]) -> dict[uuid.UUID, Role]:
            held = roles.get(organization_id)
            return {} if held is None else {organization_id: ceiling if held.covers(ceiling) else held}

        return Actor(self.user, cut(self.roles), cut(self.suspended), token_id)


class TenantQuerySet(models.QuerySet[Row]):
    def visible_to(self, actor: Actor) -> Self:
        """Rows of the organisations that the actor belongs to, save suspended ones."""
        return self.filter(organization_id__in=actor.roles)


class AliveManager(models.Manager[Row]):
    """The `objects` of a model with `deleted_at`: deleted rows are in no query, unless it begins at `with_deleted`.

    Foreign keys that lead to such a row still find it; a filter over a join names `…__deleted_at` itself.
    """

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(deleted_at=None)


class TenantModel(models.Model):
    """Base of every row that belongs to an organisation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


def fetch(rows: type[Row] | TenantQuerySet[Row], actor: Actor, id: uuid.UUID, role: Role = Role.VIEWER) -> Row:
    """The row with this id, from a tenant-owned model (as its `objects` shows it) or a queryset of one.

    Raises: NotFound (no such row, or of an organisation the actor is not in); Forbidden (role too low);
        OrganizationSuspended.
    """
    shown = rows._default_manager.all() if isinstance(rows, type) else rows
    queryset = cast("models.QuerySet[Row]", shown)
    row = queryset.filter(pk=id, organization_id__in=[*actor.roles, *actor.suspended]).first()
    if row is None:
        raise NotFound
    actor.require(row.organization_id, role)
    return row
