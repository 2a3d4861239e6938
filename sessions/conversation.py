"""The agent's stream on its way into the log: lines become events, permission rows, deltas and the end of the turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sessions import claude, events
from sessions.agent import AgentProcess
from sessions.events import Entry
from sessions.log import Ask, Batch, LogWriter, Withdraw
from sessions.turns import Turn

FLUSH_S = 0.02  # lines that arrive within this time share one transaction
FLUSH_BYTES = 4 * 2**20
DELTA_S = 0.1  # streamed text is passed on at most this often
MAX_LIVE = 256 * 1024  # characters of a block that are streamed; its final text comes as an event
LIVE_S = 1.0  # and stored, with the position in the spool, at most this often

Item = Entry | Ask | Withdraw


class Conversation:
    """Reads one agent process on from the stored offset, and keeps offset, state and effects in one transaction."""

    def __init__(self, turn: Turn, agent: AgentProcess, writer: LogWriter, cwd: str) -> None:
        is_same_run = agent.run == turn.agent_run
        self._turn, self._agent, self._writer, self._cwd = turn, agent, writer, cwd
        self._offset = turn.agent_offset if is_same_run else 0
        self._state = claude.ReaderState.from_json(turn.agent_state) if is_same_run else claude.ReaderState()
        self._deltas: list[claude.Delta] = []
        self._live: dict[str, Any] = {}
        self._stored_live: dict[str, Any] = {}
        self._stored_at = 0.0
        self.result: dict[str, Any] | None = None  # the end of the turn, as the log has it
        self.has_message = turn.is_delivered  # else what ends is not our turn, whatever the agent says
        self.mode: str | None = None  # the agent's permission mode, when it changed by itself
        self.has_news = asyncio.Event()  # a permission was asked for or withdrawn
        self.unknown: list[str] = []  # requests of the agent that nobody here can answer

    async def follow(self) -> None:
        """Store the stream as it comes, until the turn has ended or the process has gone."""
        framer = claude.LineFramer(self._offset)
        reader = self._agent.guest.read_agent(self._agent.run, self._offset)
        async with contextlib.aclosing(batched(reader)) as chunks:
            async for chunk in chunks:
                await self._consume(framer.feed(chunk))
                if self.result is not None:
                    return

    async def _consume(self, lines: Sequence[claude.Line]) -> None:
        items: list[Item] = []
        is_lasting = False
        for line in lines:
            self._offset = line.end
            self._state, outputs = claude.reduce(self._state, line.data)
            for output in outputs:
                is_lasting |= not isinstance(output, claude.Delta)
                self._take(output, items)
            if self.result is not None:
                break
        if items:
            await self.pass_on_deltas()
        # Streamed text alone is not worth a write: read again after a crash, it says the same.
        if is_lasting or asyncio.get_running_loop().time() - self._stored_at >= LIVE_S:
            await self.commit(items)
        if any(isinstance(item, Ask | Withdraw) for item in items):
            self.has_news.set()
            await events.aring_control(self._turn.session_id)

    def _take(self, output: claude.Output, items: list[Item]) -> None:
        match output:
            case Entry() if output.kind != "turn.completed":
                items.append(output)
            case claude.Delta():
                if output.offset < MAX_LIVE:
                    self._deltas.append(output)
            case claude.Initialized():
                items.append(self._started(output))
            case claude.PermissionAsked():
                items.append(self._ask(output))
            case claude.PermissionWithdrawn():
                items.append(Withdraw(output.request_id, "The agent no longer asks."))
            case claude.ControlReply():
                items.extend(self._ask(asked) for asked in output.pending)
            case claude.TurnEnded() if self._is_ours(output):
                entry = self._priced(output.entry)
                self.result = entry.payload
                items.append(entry)
            case claude.ModeChanged():
                self.mode = output.permission_mode
            case claude.RequestUnknown():
                self.unknown.append(output.request_id)
            case _:
                pass

    def _priced(self, entry: Entry) -> Entry:
        """The agent reckons with list prices, whoever answers; the practice model costs nothing."""
        return Entry(entry.kind, {**entry.payload, "cost_usd": "0"}) if self._turn.is_practice else entry

    def _started(self, output: claude.Initialized) -> Entry:
        payload = {
            "model": output.model,
            "permission_mode": output.permission_mode,
            "claude_session_id": output.claude_session_id,
            "is_practice": self._turn.is_practice,
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

    def _is_ours(self, ended: claude.TurnEnded) -> bool:
        return str(self._turn.message_id) in ended.message_ids or (self.has_message and not ended.message_ids)

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
            job_id=self._turn.job_id,
            agent_run=self._agent.run,
            agent_offset=self._offset,
            agent_state=self._state.to_json(),
            live={} if is_settled else None,
        )
        await self._writer.commit(self._turn.session_id, self._turn.epoch, batch)
        self._stored_at = asyncio.get_running_loop().time()
        if is_settled:
            self._stored_live = {}

    async def keep_passing_on(self) -> None:
        """Pass streamed text on as it grows, and keep it where a late reader finds it; runs until cancelled."""
        loop = asyncio.get_running_loop()
        stored_at = loop.time()
        while True:
            await asyncio.sleep(DELTA_S)
            await self.pass_on_deltas()
            if self._live != self._stored_live and loop.time() - stored_at >= LIVE_S:
                live = dict(self._live)
                await self._writer.commit(self._turn.session_id, self._turn.epoch, Batch(live=live))
                self._stored_live, stored_at = live, loop.time()

    async def pass_on_deltas(self) -> None:
        deltas, self._deltas = claude.merge_deltas(self._deltas), []
        for delta in deltas:
            self._note_live(delta)
            await events.aring_delta(
                self._turn.session_id,
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
    """Join chunks that arrive close together, so that a burst costs one transaction; closes the reader."""
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
    try:
        while (chunk := await queue.get()) is not None:
            buffer = bytearray(chunk)
            is_last = await _collect(queue, buffer)
            yield bytes(buffer)
            if is_last:
                break
        await task  # what ended the stream, if it was an error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _collect(queue: asyncio.Queue[bytes | None], buffer: bytearray) -> bool:
    """Add what comes within `FLUSH_S`; whether that was the end of the stream."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            while len(buffer) < FLUSH_BYTES:
                chunk = await queue.get()
                if chunk is None:
                    return True
                buffer += chunk
    return False
