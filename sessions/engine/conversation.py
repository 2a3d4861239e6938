"""The agent's stream on its way into the log: lines become events, permission rows, deltas and the end of the turn."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from runtime.failpoints import failpoint
from sandbox.answers import AgentStatus
from sessions import claude, events
from sessions.engine import rest
from sessions.engine.agent import AgentProcess
from sessions.engine.claims import Lease, Turn
from sessions.events import Entry
from sessions.log import Ask, Batch, LogWriter, Withdraw
from sessions.log.changes import Change

JOIN_S = 0.004  # lines that are written together share one transaction
FLUSH_S = 0.02  # and so do all that come within this time when they come without a pause
FLUSH_BYTES = 4 * 2**20
DELTA_S = 0.1  # streamed text is passed on at most this often
MAX_LIVE = 256 * 1024  # characters of a block that are streamed; its final text comes as an event
LIVE_S = 1.0  # and stored, with the position in the spool, at most this often
TICK_S = 0.5  # how often a stream that says nothing is thought about
SETTLE_S = 1.0  # after its turn's end the agent says that it is idle, mostly at once
MAX_REPLIES = 100
TITLE = "title"  # the request that asks for one

Item = Entry | Ask | Withdraw | Change


class Conversation:
    """Reads one agent process on from the stored offset, and keeps offset, state and effects in one transaction.

    Between turns it stops in front of a line by which the agent begins one, so that the line is read as part of it.
    """

    def __init__(self, lease: Lease, agent: AgentProcess, writer: LogWriter, cwd: str) -> None:
        is_same_run = agent.run == lease.agent_run
        self._lease, self._agent, self._writer, self._cwd = lease, agent, writer, cwd
        self._turn = lease if isinstance(lease, Turn) else None
        self._offset = lease.agent_offset if is_same_run else 0
        self._state = claude.ReaderState.from_json(lease.agent_state) if is_same_run else claude.ReaderState()
        self._known_id = lease.claude_session_id if is_same_run else None  # stored already: told in nearly every line
        self._deltas: list[claude.Delta] = []
        self._live: dict[str, Any] = {}
        self._stored_live: dict[str, Any] = {}
        self._stored_at = 0.0
        self._heard_at = self._ended_at = time.monotonic()
        self.result: dict[str, Any] | None = None  # the end of the turn, as the log has it
        self.has_message = self._turn is not None and self._turn.is_delivered  # else what ends is not our turn
        self.is_beginning = False  # the agent begins a turn that nobody asked for
        self.is_torn = False  # something may have been lost since this was last set to False
        self.has_news = asyncio.Event()  # a permission was asked for or withdrawn
        self.replies: dict[str, claude.ControlReply] = {}  # to requests of ours, by their ids

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def mode(self) -> str:
        """The agent's permission mode, "" while unknown."""
        return self._state.permission_mode

    @property
    def activity(self) -> str:
        """What the agent says that it does: running, requires_action or idle; "" while unknown."""
        return self._state.activity

    @property
    def has_background(self) -> bool:
        return bool(self._state.background)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Requests of the agent that nobody here can serve."""
        return self._state.unknown

    @property
    def quiet_s(self) -> float:
        """For how long the agent has said nothing."""
        return time.monotonic() - self._heard_at

    def forget_unknown(self, request_id: str) -> None:
        """It has been refused; kept with what is stored next."""
        self._state = self._state.without_unknown(request_id)

    async def follow(self, is_over: Callable[[], bool] | None = None) -> None:
        """Store the stream as it comes, until the turn has ended (or it is over) or the process has gone."""
        is_over = is_over or self._has_settled
        framer = claude.LineFramer(self._offset)
        reader = self._agent.guest.read_agent(self._agent.run, self._offset)
        async with contextlib.aclosing(batched(reader)) as chunks:
            async for chunk in chunks:
                if chunk:
                    self._heard_at = time.monotonic()
                    await self._consume(framer.feed(chunk))
                if self.is_beginning or is_over():
                    return

    def _has_settled(self) -> bool:
        """Whether the turn is over, and nothing that still belongs to it is about to come."""
        if self.result is None:
            return False
        is_at_rest = self.has_background or self.activity in ("", "idle")
        return is_at_rest or time.monotonic() - self._ended_at > SETTLE_S

    async def _consume(self, lines: Sequence[claude.Line]) -> None:
        items: list[Item] = []
        is_lasting = False
        for line in lines:
            state, outputs = claude.reduce(self._state, line.data)
            if self._is_between_turns and any(isinstance(output, claude.Initialized) for output in outputs):
                self.is_beginning = is_lasting = True
                self._state = replace(self._state, activity="running")  # whoever reads on finds it at work
                break
            self._offset, self._state = line.end, state
            for output in outputs:
                is_lasting |= not isinstance(output, claude.Delta)
                self._take(output, items)
        if items:
            await self.pass_on_deltas()
        # Streamed text alone is not worth a write: read again after a crash, it says the same.
        if is_lasting or asyncio.get_running_loop().time() - self._stored_at >= LIVE_S:
            await self.commit(items)
        if any(isinstance(item, Ask | Withdraw) for item in items):
            self.has_news.set()
            await events.aring_control(self._lease.session_id)

    @property
    def _is_between_turns(self) -> bool:
        return self._turn is None or self.result is not None

    def _take(self, output: claude.Output, items: list[Item]) -> None:
        match output:
            case Entry() if output.kind != "turn.completed":
                items.append(output)
            case claude.Delta():
                if output.offset < MAX_LIVE:
                    self._deltas.append(output)
            case claude.Initialized():
                items += [self._started(output), *self._conversation_id(output.claude_session_id)]
            case claude.PermissionAsked():
                items.append(self._ask(output))
            case claude.PermissionWithdrawn():
                items.append(Withdraw(output.request_id, "The agent no longer asks."))
            case claude.ControlReply():
                items += self._replied(output)
            case claude.TurnEnded():
                items += self._ended(output)
            case claude.BackgroundChanged():
                items.append(Change({"background": list(output.tasks)}))
            case claude.ContextMeasured():
                items.append(Change({"context_tokens": output.tokens, "context_window": output.window}))
            case claude.ModelChosen() if output.model in settings.MODELS:
                items.append(Change({"model": output.model}))
            case claude.Torn():
                self.is_torn = True
            case _:
                pass

    def _replied(self, reply: claude.ControlReply) -> list[Item]:
        self.replies[reply.request_id] = reply
        for old in list(self.replies)[:-MAX_REPLIES]:
            del self.replies[old]
        items: list[Item] = [self._ask(asked) for asked in reply.pending]
        if reply.commands is not None:
            items.append(Change({"commands": list(reply.commands)}))
        if reply.title and reply.request_id == TITLE:
            items.append(Change({"title": reply.title}))
        return items

    def _ended(self, ended: claude.TurnEnded) -> list[Item]:
        items = self._conversation_id(ended.claude_session_id)
        if self.result is None and self._is_ours(ended):
            entry = self._priced(ended.entry)
            self.result, self._ended_at = entry.payload, time.monotonic()
            items.append(entry)
        return items

    def _priced(self, entry: Entry) -> Entry:
        """The agent reckons with list prices, whoever answers; the practice model costs nothing."""
        return Entry(entry.kind, {**entry.payload, "cost_usd": "0"}) if self._lease.is_practice else entry

    def _started(self, output: claude.Initialized) -> Entry:
        payload = {
            "model": output.model,
            "permission_mode": output.permission_mode,
            "claude_session_id": output.claude_session_id,
            "is_practice": self._lease.is_practice,
        }
        return Entry("turn.started", payload)

    def _ask(self, asked: claude.PermissionAsked) -> Ask:
        return Ask(
            request_id=asked.request_id,
            kind=asked.kind,
            tool=asked.tool,
            input=asked.input,
            description=asked.description,
            suggestions=asked.suggestions,
            cwd=asked.cwd or self._cwd,
            parent=asked.parent,
        )

    def _conversation_id(self, claude_session_id: str) -> list[Item]:
        """What the conversation is resumed by, if it is news; the agent takes a new one when it is cleared."""
        try:
            id = uuid.UUID(claude_session_id)
        except ValueError:
            return []
        if id == self._known_id:
            return []
        self._known_id = id
        return [Change({"claude_session_id": id})]

    def _is_ours(self, ended: claude.TurnEnded) -> bool:
        """Whether this is the end of the turn that runs here; several messages may have been answered at once."""
        if self._turn is None:
            return False
        if self._turn.is_unasked:
            return True
        is_unnamed = not ended.message_ids and not ended.is_unasked
        return str(self._turn.message_id) in ended.message_ids or (self.has_message and is_unnamed)

    async def commit(self, items: Sequence[Item]) -> None:
        """Append, with the position up to which the stream has been read.

        Raises: StaleEpoch (another worker has taken over).
        """
        blocks = {item.payload.get("block") for item in items if isinstance(item, Entry)}
        is_settled = bool(self._live) and self._live.get("block") in blocks
        if is_settled:
            self._live = {}
        batch = Batch(
            entries=items,
            job_id=self._lease.job_id,
            agent_run=self._agent.run,
            agent_offset=self._offset,
            agent_state=self._state.to_json(),
            live={} if is_settled else None,
        )
        if any(isinstance(item, Entry) and item.kind == "turn.completed" for item in items):
            failpoint("turn.before_result_commit")
        await self._writer.commit(self._lease.session_id, self._lease.epoch, batch)
        self._stored_at = asyncio.get_running_loop().time()
        if is_settled:
            self._stored_live = {}

    async def tell_exit(self, status: AgentStatus, asked: Sequence[str] = ()) -> None:
        """That the process has ended, and with it what it `asked`; the log says so once, however often it is found.

        Raises: StaleEpoch.
        """
        told = [] if self._state.has_exited else [rest.exited(status)]
        self._state = replace(self._state, has_exited=True)
        await self.commit([*told, *(Withdraw(request_id, "The agent ended.") for request_id in asked)])
        failpoint("agent.exit_told")

    async def keep_passing_on(self) -> None:
        """Pass streamed text on as it grows, and keep it where a late reader finds it; runs until cancelled."""
        loop = asyncio.get_running_loop()
        stored_at = loop.time()
        while True:
            await asyncio.sleep(DELTA_S)
            await self.pass_on_deltas()
            if self._live != self._stored_live and loop.time() - stored_at >= LIVE_S:
                live = dict(self._live)
                await self._writer.commit(self._lease.session_id, self._lease.epoch, Batch(live=live))
                self._stored_live, stored_at = live, loop.time()

    async def pass_on_deltas(self) -> None:
        deltas, self._deltas = claude.merge_deltas(self._deltas), []
        for delta in deltas:
            self._note_live(delta)
            await events.aring_delta(
                self._lease.session_id,
                block=delta.block,
                parent=delta.parent,
                kind=delta.kind,
                offset=delta.offset,
                text=delta.text,
            )

    def _note_live(self, delta: claude.Delta) -> None:
        before = self._live.get("text", "") if self._live.get("block") == delta.block else ""
        if delta.offset > len(before):
            return  # of several that stream at a time the one that began last is kept
        whole = (before[: delta.offset] + delta.text)[:MAX_LIVE]
        self._live = {"block": delta.block, "parent": delta.parent, "kind": delta.kind, "text": whole}


async def batched(reader: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Join chunks that arrive close together, so that a burst costs one transaction; closes the reader.

    Now and then an empty one comes, so that silence can be noticed.
    """
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=64)

    async def fill() -> None:
        try:
            async with contextlib.aclosing(reader):
                async for chunk in reader:
                    await queue.put(chunk)
        except asyncio.CancelledError:
            raise  # nobody takes anything any more: with a full queue, putting would wait for ever
        except BaseException:
            await queue.put(None)
            raise
        await queue.put(None)

    task = asyncio.create_task(fill())
    clock, given_at = asyncio.get_running_loop().time, 0.0
    try:
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    chunk = await queue.get()
            except TimeoutError:
                yield b""
                continue
            if chunk is None:
                break
            buffer = bytearray(chunk)
            await asyncio.sleep(max(JOIN_S, given_at + FLUSH_S - clock()))
            is_last = await _collect(queue, buffer)
            given_at = clock()
            yield bytes(buffer)
            if is_last:
                break
        await task  # what ended the stream, if it was an error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _collect(queue: asyncio.Queue[bytes | None], buffer: bytearray) -> bool:
    """Add what has come meanwhile; whether that was the end of the stream."""
    while len(buffer) < FLUSH_BYTES:
        if queue.empty():
            await asyncio.sleep(0)  # whoever waited for room in it goes on
        if queue.empty():
            return False
        chunk = queue.get_nowait()
        if chunk is None:
            return True
        buffer += chunk
    return False
