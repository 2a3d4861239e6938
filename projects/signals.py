"""Signals of projects, sent inside the transaction of the change, so that a receiver's failure undoes it."""

from __future__ import annotations

from django.dispatch import Signal

project_deleted = Signal()  # arguments: project, now
project_undeleted = Signal()  # arguments: project, deleted_at
project_changed = (
    Signal()
)  # arguments: organization_id; made, named otherwise, imported or deleted: lists look otherwise now
