"""The form of the access tables: each app's `tests/access/<app>.py` has `ROUTES` and, where it has sockets, `SOCKETS`.

A line says which role a route needs and how to make rows and a body for it; `tests/test_access_matrix.py` does the
rest. Ids of rows stand in a `Case` as `uuid.UUID` objects: the matrix swaps them for foreign and random ones. Ids that
clients make, and anything else that is to stay, are strings.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from accounts.models import Organization, User
from accounts.tenancy import Role

Slot = tuple[str, str]  # ("params" | "query" | "body" | "form", key)


@dataclass(frozen=True)
class Tenant:
    """For whom a case is made: rows belong to `organization`, and to `caller` where they belong to a person."""

    organization: Organization
    caller: User


@dataclass(frozen=True)
class Case:
    """One request: path parameters, query, and a JSON body or a multipart form."""

    params: dict[str, uuid.UUID] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    form: dict[str, Any] | None = None

    def slots(self) -> Iterator[Slot]:
        """Where ids of rows stand."""
        for part in ("params", "query", "body", "form"):
            for key, value in (getattr(self, part) or {}).items():
                if isinstance(value, uuid.UUID):
                    yield part, key

    def get(self, slot: Slot) -> uuid.UUID:
        value: uuid.UUID = getattr(self, slot[0])[slot[1]]
        return value

    def swapped(self, ids: dict[Slot, uuid.UUID]) -> Case:
        """The same request with other ids in some slots."""
        case = self
        for (part, key), id in ids.items():
            case = replace(case, **{part: {**getattr(case, part), key: id}})
        return case


def nothing(tenant: Tenant) -> Case:
    """A request without ids."""
    return Case()


def in_query(tenant: Tenant) -> Case:
    """A request with `?organization_id=`."""
    return Case(query={"organization_id": tenant.organization.id})


@dataclass(frozen=True)
class Route:
    """One line of a table.

    Args:
        method, path: as in `docs/api.md`, path parameters by the handler's own names.
        minimum: the lowest role that may; None is everybody who is signed in.
        make: the request, with rows made for it.
        is_public: needs no sign-in at all.
        needs_session: API tokens may not, whatever their scope.
        allowed: statuses that mean "access given"; also a 409 where the sample rows do not fit.
    """

    method: str
    path: str
    minimum: Role | None = Role.VIEWER
    make: Callable[[Tenant], Case] = nothing
    is_public: bool = False
    needs_session: bool = False
    allowed: Container[int] = range(200, 300)

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


@dataclass(frozen=True)
class Socket:
    """A WebSocket address, with the role that may open it."""

    path: str
    make: Callable[[Tenant], Case]
    minimum: Role = Role.VIEWER
