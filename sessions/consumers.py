"""The session socket: hello, what was missed, what comes; and the client's frames, each checked anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import structlog
from channels.db import database_sync_to_async as in_db
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone
from django.utils.translation import override

from accounts.errors import DomainError, RateLimited
from accounts.tenancy import Actor, Role
from accounts.wording import language_of
from sessions import actions, protocol, queries, schemas
from sessions.live.credentials import Credentials, Recheck
from sessions.live.start import Start
from sessions.live.stream import Follower
from sessions.models import AgentSession
from sessions.protocol import ClientFrame
from sessions.storable import dump

logger = structlog.get_logger(__name__)

PING_S, SILENT_S = 20.0, 45.0  # a client answers pings, and is closed when nothing came from it for so long
PING = '{"type":"ping"}'
FRAMES_PER_S, FRAME_BURST = 50.0, 200.0
SOCKETS_PER_USER, SOCKETS_PER_ORGANIZATION = 50, 500

_open: Counter[uuid.UUID] = Counter()  # sockets of this process, by user and by organisation


class TooSlow(Exception):
    """The client does not take what it is sent."""


class SessionConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    # No layer of the consumer's own: the follower listens, and Redis would get a second subscription a socket.
    channel_layer_alias = "none"

    handlers: ClassVar[dict[str, Callable[..., Any]]] = {
        "message": actions.send,
        "approve": actions.approve,
        "deny": actions.deny,
        "answer": actions.answer,
        "interrupt": actions.interrupt,
        "cancel": actions.cancel,
    }

    def __init__(self) -> None:
        super().__init__()
        self.session_id = uuid.UUID(int=0)
        self.credentials: Credentials | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.heard_at = time.monotonic()
        self.counted: tuple[uuid.UUID, ...] = ()
        self.tokens, self.refilled_at = FRAME_BURST, time.monotonic()

    # Opening and closing

    async def connect(self) -> None:
        """Everything is checked before the handshake is answered: a stranger gets no byte."""
        actor = self.scope.get("actor")
        if not isinstance(actor, Actor):
            await self.close(4401)
            return
        self.session_id = self.scope["url_route"]["kwargs"]["session_id"]
        self.credentials = Credentials(actor, getattr(self.scope.get("session"), "session_key", None))
        try:
            start = Start.in_query(self.scope.get("query_string", b""))
            session = await in_db(self.credentials.session)(self.session_id, Role.VIEWER, timezone.now())
            self._count(actor, session)
        except DomainError as error:
            await self.close(protocol.close_code(error))
            return
        await self.accept()
        self.heard_at = time.monotonic()
        self.tasks = [asyncio.create_task(self._run(work)) for work in (self._follow(start), self._keep_alive())]

    async def disconnect(self, code: int) -> None:
        for id in self.counted:
            _open[id] -= 1
            if not _open[id]:
                del _open[id]
        self.counted = ()
        others = [task for task in self.tasks if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _count(self, actor: Actor, session: AgentSession) -> None:
        user, organization = actor.user.pk, session.organization_id
        if _open[user] >= SOCKETS_PER_USER or _open[organization] >= SOCKETS_PER_ORGANIZATION:
            raise RateLimited("Too many open connections.", retry_after_s=10)
        self.counted = (user, organization)
        _open.update(self.counted)

    # From the log to the client

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except DomainError as error:
            await self._end(protocol.close_code(error))
        except TooSlow:
            await self._end(protocol.TRY_AGAIN_LATER)
        except Exception:
            logger.exception("session_socket_failed", session_id=str(self.session_id))
            await self._end(protocol.INTERNAL_ERROR)

    async def _follow(self, start: Start) -> None:
        """Listening begins before the state is read, and the state names the number that the log had then."""
        async with Follower(self.session_id, start.after or 0) as follower:
            hello = await in_db(self._hello)(start)
            follower.note_state(hello["last_seq"], hello["live"])
            if "page" in hello:
                follower.start_at(hello["last_seq"])
            await self._send(dump(hello))
            async with Recheck(lambda: in_db(self._session)(Role.VIEWER)) as recheck:
                while True:
                    found = await follower.frames()
                    for frame in found:
                        await self._send(frame.for_socket())
                    await recheck.passed(is_idle=not found)

    async def _keep_alive(self) -> None:
        """A client whose network has gone takes what the kernel buffers and says nothing: only its words count."""
        while (left := self.heard_at + SILENT_S - time.monotonic()) > 0:
            await asyncio.sleep(min(PING_S, left))
            await self._send(PING)
        await self._end(protocol.SILENT)

    def _hello(self, start: Start) -> dict[str, Any]:
        self._session(Role.VIEWER)
        page: dict[str, Any] = {}
        with queries.one_moment():
            session = queries.detailed(queries.sessions()).get(pk=self.session_id)
            shown = schemas.session_json(session)
            if start.wants_page(session.last_seq):
                page = {"page": queries.newest_page(session, start.tail).shown()}
        return {
            "type": "hello",
            "session": shown,
            "last_seq": session.last_seq,
            "live": session.live,
            "version": settings.BUILD,
            "now": timezone.now().isoformat(),
            **page,
        }

    def _session(self, role: Role) -> AgentSession:
        assert self.credentials is not None
        return self.credentials.session(self.session_id, role, timezone.now())

    async def _send(self, text: str) -> None:
        """`send` waits while the client's buffer is full; a client that stays so is closed, and may come back."""
        try:
            async with asyncio.timeout(settings.SLOW_READER_S):
                await self.send(text_data=text)
        except TimeoutError as error:
            raise TooSlow from error
        except ConnectionAbortedError:
            pass  # it is being closed, for a message that is too large; `disconnect` comes next

    async def _end(self, code: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.close(code)

    # From the client to the services

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.heard_at = time.monotonic()
        if not self._is_within_rate():
            await self._end(protocol.TRY_AGAIN_LATER)
            return
        reply_to = None
        try:
            if text_data is None:
                raise protocol.BadFrame("This socket takes text frames.")
            kind, frame = protocol.parse(text_data)
            reply_to = frame.id
            await self._handle(kind, frame)
        except DomainError as error:
            reply_to = error.reply_to if isinstance(error, protocol.BadFrame) else reply_to
            with override(language_of(self.scope)):
                refusal = protocol.error_frame(error, reply_to)
            await self._answer(refusal)
        except Exception:
            logger.exception("session_frame_failed", session_id=str(self.session_id))
            await self._answer({"type": "error", "error": "system_error", "message": "Something went wrong."})

    async def _handle(self, kind: str, frame: ClientFrame) -> None:
        if kind == "ping":
            await self._answer({"type": "pong"} if frame.id is None else {"type": "pong", "reply_to": frame.id})
        elif kind != "pong":
            await in_db(self._act)(kind, frame)

    def _act(self, kind: str, frame: ClientFrame) -> None:
        """The role is asked for at every frame: it may have changed since the socket was opened."""
        session = self._session(Role.MEMBER)
        assert self.credentials is not None
        self.handlers[kind](session, self.credentials.actor.user, frame, timezone.now())

    async def _answer(self, frame: dict[str, Any]) -> None:
        try:
            await self._send(dump(frame))
        except TooSlow:
            await self._end(protocol.TRY_AGAIN_LATER)

    def _is_within_rate(self) -> bool:
        now = time.monotonic()
        self.tokens = min(FRAME_BURST, self.tokens + (now - self.refilled_at) * FRAMES_PER_S)
        self.refilled_at = now
        self.tokens -= 1
        return self.tokens >= 0
