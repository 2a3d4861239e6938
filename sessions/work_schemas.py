"""What the API of a session's working tree takes and gives."""

from __future__ import annotations

import uuid
from datetime import datetime

from ninja import Schema
from pydantic import Field

from sessions.models import Checkpoint


class LineOut(Schema):
    kind: str
    text: str
    old: int | None
    new: int | None


class HunkOut(Schema):
    header: str
    old_start: int
    new_start: int
    lines: list[LineOut]


class FileOut(Schema):
    path: str
    old_path: str | None
    status: str
    additions: int
    deletions: int
    is_binary: bool
    hunks: list[HunkOut]


class DiffOut(Schema):
    base: str
    head: str
    files: list[FileOut]
    additions: int
    deletions: int
    is_truncated: bool


class FilesQuery(Schema):
    q: str = Field("", max_length=200)
    limit: int = Field(50, ge=1, le=200)


class FileFoundOut(Schema):
    path: str
    is_folder: bool
    is_recent: bool


class FilesOut(Schema):
    """Paths of the newest snapshot, the best first; `is_truncated` when the tree has more than is looked at."""

    items: list[FileFoundOut]
    is_truncated: bool
    commit: str


class RestoreIn(Schema):
    id: uuid.UUID | None = None
    checkpoint_id: uuid.UUID


class PrewarmOut(Schema):
    is_warming: bool


class MoveIn(Schema):
    id: uuid.UUID | None = None
    environment_id: uuid.UUID


class CheckpointOut(Schema):
    """`label` is the beginning of its turn's message; what was saved before a restoration has none."""

    id: uuid.UUID
    commit: str
    git_status: str
    files_changed: int
    job_id: uuid.UUID | None
    label: str
    is_before_restore: bool
    created_at: datetime

    @staticmethod
    def resolve_label(checkpoint: Checkpoint) -> str:
        return str(getattr(checkpoint, "label", "") or "")

    @staticmethod
    def resolve_is_before_restore(checkpoint: Checkpoint) -> bool:
        return hasattr(checkpoint, "restoration")


class CheckpointsOut(Schema):
    items: list[CheckpointOut]
