"""What a part of the log refers to before its beginning: with it, a reader can begin there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sessions.models import Job, JobStatus, PermissionRequest, PermissionStatus

Event = dict[str, Any]  # as `events.serialize` gives it


@dataclass
class Wanted:
    """What is still looked for, going back from the part's beginning; the newest of each counts."""

    turns: set[str] = field(default_factory=set)  # jobs whose last status counts
    messages: set[str] = field(default_factory=set)  # jobs whose message counts, with its edits
    calls: set[str] = field(default_factory=set)
    permissions: set[str] = field(default_factory=set)

    def kinds(self) -> list[str]:
        """Those that may bring it."""
        found = ["job.status", "message.user", "message.edited"] if self.turns or self.messages else []
        found += ["tool.call"] if self.calls else []
        return [*found, "permission.requested"] if self.permissions else found

    def take(self, event: Event) -> bool:
        """Whether this one is wanted; it is not looked for again."""
        payload, kind, job = event["payload"], event["kind"], job_of(event)
        if kind == "job.status" and job in self.turns:
            self.turns.discard(job)
            if payload["message_id"] is None:
                self.messages.discard(job)
            return True
        if kind == "message.edited":
            return job in self.messages
        if kind == "message.user":
            return _taken(self.messages, job)
        if kind == "tool.call" and payload["call_id"] in self.calls:
            self.calls.discard(payload["call_id"])
            if payload["parent"]:
                self.calls.add(payload["parent"])
            return True
        return kind == "permission.requested" and _taken(self.permissions, payload["id"])

    def __bool__(self) -> bool:
        return bool(self.turns or self.messages or self.calls or self.permissions)


def job_of(event: Event) -> str:
    """The turn that an event belongs to, or tells of; empty when it is of none."""
    is_about_job = event["kind"] in ("job.status", "message.user")
    return str((event["payload"]["job_id"] if is_about_job else event["job_id"]) or "")


def begins_turn(event: Event) -> bool:
    payload = event["payload"]
    return event["kind"] == "job.status" and payload["status"] == JobStatus.PROCESSING and not payload["progress"]


def referred_to(items: Sequence[Event]) -> Wanted:
    """What these events, which are in order, refer to before the first of them."""
    wanted, known = Wanted(), Wanted()
    for event in items:
        _note_job(event, wanted, known)
        payload = event["payload"]
        parent = payload.get("parent")
        if parent and parent not in known.calls:
            wanted.calls.add(parent)
        if event["kind"] == "tool.call":
            known.calls.add(payload["call_id"])
        elif event["kind"] == "tool.result" and payload["call_id"] not in known.calls:
            wanted.calls.add(payload["call_id"])
        elif event["kind"] == "permission.requested":
            known.permissions.add(payload["id"])
        elif event["kind"] == "permission.resolved" and payload["id"] not in known.permissions:
            wanted.permissions.add(payload["id"])
    return wanted


def _note_job(event: Event, wanted: Wanted, known: Wanted) -> None:
    if not (job := job_of(event)):
        return
    kind, payload = event["kind"], event["payload"]
    if kind == "message.user":
        known.messages.add(job)
        known.turns.add(job)
    elif kind == "job.status" and payload["message_id"] is None:
        known.messages.add(job)
    if kind == "job.status" and (payload["status"] == JobStatus.PENDING or begins_turn(event)):
        known.turns.add(job)
    if job not in known.messages:
        wanted.messages.add(job)
    if job not in known.turns:
        wanted.turns.add(job)


def add_open(wanted: Wanted, session_id: uuid.UUID, items: Sequence[Event]) -> None:
    """Also what is not over at the log's end: turns that run and wait, requests that nobody has answered."""
    told = {job_of(event) for event in items if event["kind"] == "message.user"}
    shown = told | {job_of(event) for event in items if event["kind"] == "job.status"}
    jobs = Job.objects.filter(session_id=session_id, status__in=(JobStatus.PENDING, JobStatus.PROCESSING))
    for id, message_id in jobs.values_list("pk", "message"):
        wanted.turns |= {str(id)} - shown
        wanted.messages |= {str(id)} - told if message_id else set()
    pending = PermissionRequest.objects.filter(session_id=session_id, status=PermissionStatus.PENDING)
    asked = {event["payload"]["id"] for event in items if event["kind"] == "permission.requested"}
    wanted.permissions |= {str(id) for id in pending.values_list("pk", flat=True)} - asked


def collect(wanted: Wanted, earlier: Iterable[Event]) -> list[Event]:
    """What is wanted among these, newest first, in the order of the log; no more is read than that takes."""
    found: list[Event] = []
    if wanted:
        for event in earlier:
            if wanted.take(event):
                found.append(event)
            if not wanted:
                break
    return found[::-1]


def _taken(ids: set[str], id: str) -> bool:
    is_in = id in ids
    ids.discard(id)
    return is_in
