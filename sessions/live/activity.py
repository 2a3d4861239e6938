"""What happens in an organisation, for pages that show its tree: looked up once for all of them, told as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import DomainError
from accounts.tenancy import Role
from sessions import events, tree
from sessions.live import doorbell
from sessions.live.credentials import Credentials, Recheck
from sessions.live.stream import LIFETIME_S, PING_S, give_thread_back

logger = structlog.get_logger(__name__)

GATHER_S = 1.0  # the tree is looked at, and a page told of it, once in that time at most
LOOK_S = 10.0  # a lost doorbell is noticed after that
WAIT_S = 5.0  # what a reader has to do besides is done that often


class Reader:
    """What one page has not been told yet: at most the whole tree, however slow the page is."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.sessions: set[str] = set()
        self.marked: set[uuid.UUID] = set()
        self.are_projects_new = False

    def note(self, sessions: Collection[str], are_projects_new: bool) -> None:
        self.sessions |= set(sessions)
        self.are_projects_new |= are_projects_new
        self.rung.set()

    def hear_marks(self, message: doorbell.Message) -> None:
        self.marked |= {uuid.UUID(id) for id in message["session_ids"]}
        self.rung.set()

    async def wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self.rung.wait()
        self.rung.clear()


class Activity:
    """The tree of one organisation as it was last seen, and who reads it in this event loop."""

    def __init__(self, organization_id: uuid.UUID) -> None:
        self.organization_id = organization_id
        self.sessions: dict[str, tree.Row] = {}
        self.projects: list[tree.Row] = []
        self.readers: set[Reader] = set()
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def join(self, reader: Reader) -> None:
        """Returns once the tree has been seen since somebody listens."""
        self.readers.add(reader)
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking())
        await self._begun.wait()

    async def leave(self, reader: Reader) -> None:
        self.readers.discard(reader)
        if not self.readers and (task := self._task):
            self._task = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep_looking(self) -> None:
        async with doorbell.listen(events.organization_group(self.organization_id)) as bell:
            messages: list[doorbell.Message] = []
            while True:
                try:
                    await self._look(_named(messages))
                    self._begun.set()
                except Exception as error:  # the database is away: readers wait for it
                    logger.warning("activity_failed", error=repr(error))
                await asyncio.sleep(GATHER_S)
                messages = await bell.wait(timeout_s=LOOK_S)

    async def _look(self, only: Collection[uuid.UUID] | None) -> None:
        found = {row["id"]: row for row in await in_db(tree.session_rows)(self.organization_id, only)}
        looked_at = {str(id) for id in only} if only is not None else self.sessions.keys() | found.keys()
        changed = [id for id in looked_at if self.sessions.get(id) != found.get(id)]
        for id in changed:
            if id in found:
                self.sessions[id] = found[id]
            else:
                del self.sessions[id]
        projects = self.projects if only is not None else await in_db(tree.project_rows)(self.organization_id)
        are_projects_new, self.projects = projects != self.projects, projects
        if changed or are_projects_new:
            for reader in self.readers:
                reader.note(changed, are_projects_new)


def _named(messages: list[doorbell.Message]) -> set[uuid.UUID] | None:
    """The sessions that the bells named; None to look at all: one named none, or some may have been lost."""
    ids = [message["session_id"] for message in messages]
    is_all = not ids or None in ids or len(ids) >= doorbell.Doorbell.LIMIT
    return None if is_all else {uuid.UUID(id) for id in ids}


_activities: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[uuid.UUID, Activity]] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def watching(organization_id: uuid.UUID, reader: Reader) -> AsyncIterator[Activity]:
    """The organisation's activity, shared by all who watch it in this loop."""
    here = _activities.setdefault(asyncio.get_running_loop(), {})
    activity = here.setdefault(organization_id, Activity(organization_id))
    try:
        await activity.join(reader)
        yield activity
    finally:
        await activity.leave(reader)
        if not activity.readers and here.get(organization_id) is activity:
            del here[organization_id]


async def sse(organization_id: uuid.UUID, credentials: Credentials) -> AsyncGenerator[str]:
    """The body of an SSE response: the whole `tree`, then `changes`; ends when the reader may see it no more."""
    give_thread_back()
    user_id = credentials.actor.user.pk

    def require() -> None:
        credentials.actor_now(timezone.now()).require(organization_id, Role.VIEWER)

    started_at = written_at = time.monotonic()
    reader, marks = Reader(), events.marks_group(organization_id, user_id)
    yield "retry: 2000\n\n"
    await doorbell.hub().add(marks, reader.hear_marks)
    try:
        async with watching(organization_id, reader) as activity, Recheck(in_db(require)) as recheck:
            yield _frame("tree", await _all(activity, reader, user_id))
            while (now := time.monotonic()) - started_at < LIFETIME_S:
                await reader.wait()
                try:
                    await recheck.passed(is_idle=True)
                except DomainError:
                    return
                if changes := await _changes(activity, reader, user_id):
                    written_at = now
                    yield _frame("changes", changes)
                    await asyncio.sleep(GATHER_S)
                elif now - written_at >= PING_S:
                    written_at = now
                    yield ": ping\n\n"
    finally:
        await doorbell.hub().remove(marks, reader.hear_marks)


async def _all(activity: Activity, reader: Reader, user_id: uuid.UUID) -> dict[str, object]:
    reader.sessions, reader.marked, reader.are_projects_new = set(), set(), False
    sessions, projects = list(activity.sessions.values()), activity.projects
    marks = await in_db(tree.mark_rows)(activity.organization_id, user_id)
    return {"projects": projects, "sessions": sessions, "marks": marks}


async def _changes(activity: Activity, reader: Reader, user_id: uuid.UUID) -> dict[str, object]:
    """What is new for this reader; empty when nothing is."""
    ids, marked, are_projects_new = reader.sessions, reader.marked, reader.are_projects_new
    reader.sessions, reader.marked, reader.are_projects_new = set(), set(), False
    changes: dict[str, object] = {}
    if ids:
        changes["sessions"] = [activity.sessions[id] for id in ids if id in activity.sessions]
        changes["gone"] = [id for id in ids if id not in activity.sessions]
    if are_projects_new:
        changes["projects"] = activity.projects
    if marked:
        changes["marks"] = await in_db(tree.mark_rows)(activity.organization_id, user_id, marked)
    return changes


def _frame(event: str, data: dict[str, object]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
