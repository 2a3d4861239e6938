"""Lists by cursor: `{"items", "next"}`, one query however long the list is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import models
from ninja import Schema
from pydantic import Field

from accounts.errors import Invalid

Item = TypeVar("Item")
Row = TypeVar("Row", bound=models.Model)


class PageIn(Schema):
    """The query of a list; a handler takes `page: Query[PageIn]`."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=100)


class Page(Schema, Generic[Item]):
    """The answer of a list: `response=Page[SomethingOut]`."""

    items: list[Item]
    next: str | None


@dataclass(frozen=True)
class Slice(Generic[Item]):
    """What `paginate` gives; ninja turns it into a `Page`."""

    items: list[Item]
    next: str | None


def paginate(rows: models.QuerySet[Row], page: PageIn, *, newest_first: bool = True) -> Slice[Row]:
    """One page of rows in the order of their ids, which are made in the order of time.

    Raises: Invalid (a cursor that no page gave).
    """
    if page.cursor:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": _read(page.cursor)})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: page.limit + 1])
    items = found[: page.limit]
    return Slice(items, str(items[-1].pk) if len(found) > page.limit else None)


def _read(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(cursor)
    except ValueError as error:
        raise Invalid.field("cursor", "This cursor is not one of ours.") from error
