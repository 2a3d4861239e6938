"""One turn of an agent, from the user's message to the checkpoint: the async loop between a sandbox and the log."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from sandbox.errors import SandboxError

from accounts.errors import DomainError
from gateway import services as gateway
from projects.vault import Vault
from sandbox import Sandbox
from sessions import claude, doorbell, events, machines, turns
from sessions.events import Entry
from sessions.log import Ask, Batch, LogWriter, Withdraw
from sessions.models import JobStatus, SessionStatus
from sessions.turns import Turn

logger = structlog.get_logger(__name__)

FLUSH_S = 0.02  # lines that arrive within this time share one transaction
DELTA_S = 0.1  # streamed text is sent at most this often
LIVE_S = 1.0  # and stored at most this often
WISH_S = 0.5  # how often the database is asked for answers and wishes, besides the doorbell
GRACE_S = 5.0  # between interrupt, SIGTERM and SIGKILL
TOKEN_S = 600.0  # how often the sandbox's token is extended while a turn runs


class AgentFailed(Exception):
    """The agent process ended by itself; the message names the exit code and what it wrote last."""


@dataclass
class Conversation:
    """What one turn's loop knows of the agent's stream."""

    state: claude.ReaderState
    offset: int
    framer: claude.LineFramer = field(default_factory=claude.LineFramer)
    ended: claude.TurnEnded | None = None
    initialized: bool = False
    deltas: list[claude.Delta] = field(default_factory=list)
    live: dict[str, Any] = field(default_factory=dict)  # the block that streams now, up to the newest delta
    stored_live: dict[str, Any] = field(default_factory=dict)


async def run_turn(*, session_id: uuid.UUID, job_id: uuid.UUID, writer: LogWriter) -> None:
    """Run one job to its end; harmless when repeated, taken over where another worker left it.

    Raises: asyncio.CancelledError (the worker stops: the job is handed back); StaleEpoch (another worker has it).
    """
    turn = await in_db(turns.claim)(session_id=session_id, job_id=job_id, now=timezone.now())
    if turn is None:
        return
    with structlog.contextvars.bound_contextvars(
        session_id=str(session_id), job_id=str(job_id), organization_id=str(turn.organization_id)
    ):
        try:
            await TurnRunner(turn, writer).run()
        except (SandboxError, DomainError, AgentFailed) as error:
            logger.warning("turn failed", error=str(error), kind=type(error).__name__)
            await in_db(turns.finish)(turn, JobStatus.FAILED, SessionStatus.ERROR, timezone.now(), error=str(error))


class TurnRunner:
    """The turn's loop; one instance a turn."""

    def __init__(self, turn: Turn, writer: LogWriter) -> None:
        self.turn, self.writer = turn, writer
        self.talk = Conversation(claude.ReaderState.from_json(turn.agent_state), turn.agent_offset)
        self.run_name = turn.agent_run
        self.work = ""
        self.is_cancelled = False
        self.is_interrupted = False

    async def run(self) -> None:
        turn = self.turn
        await self._progress(5, "Starting the sandbox")
        sandbox = await machines.ensure_sandbox(turn)
        await self._progress(10, "Preparing the working tree")
        self.work = await machines.ensure_workspace(turn, sandbox)
        if not turn.has_result:
            await self._progress(15, "Starting the agent")
            await self._ensure_agent(sandbox)
            await self._progress(20, "Working")
            await self._converse(sandbox)
        await self._checkpoint(sandbox)
        await self._finish()

    async def _progress(self, percent: int, message: str) -> None:
        await in_db(turns.note_progress)(self.turn, percent, message, timezone.now())

    # The agent process

    async def _ensure_agent(self, sandbox: Sandbox) -> None:
        """A live agent process with the session's present options, reading on from the stored offset."""
        options = {"model": self.turn.model, "permission_mode": self.turn.permission_mode}
        if self.run_name:
            status = await sandbox.guest.agent_status(self.run_name)
            if status.is_alive and self.turn.agent_options == options:
                await self._extend_token()
                return
            if status.is_alive and not self.turn.is_delivered:
                await self._end_process(sandbox)
            elif status.is_alive:
                return  # the turn goes on with the options that it began with
            await self._drain(sandbox)
            if self.turn.is_delivered and self.talk.ended is None:
                await self._raise_exit(sandbox)
            if self.talk.ended is not None:
                return
        await self._start_agent(sandbox, options)

    async def _start_agent(self, sandbox: Sandbox, options: dict[str, Any]) -> None:
        turn, paths = self.turn, await sandbox.guest.paths()
        session_id = turn.claude_session_id or uuid.uuid4()
        transcript = claude.transcript_path(paths.home, paths.work, session_id)
        resume = turn.claude_session_id is not None and await _exists(sandbox, transcript)
        self.run_name = f"run-{uuid.uuid4().hex}"
        await in_db(turns.begin_run)(turn, run=self.run_name, claude_session_id=session_id, options=options)
        self.talk = Conversation(claude.ReaderState(), 0)
        token = await in_db(gateway.issue_token)(
            organization_id=turn.organization_id, subject_id=turn.session_id, now=timezone.now()
        )
        program = posixpath.join(sandbox.path_of_mount(machines.CLI_TARGET), "claude")
        await sandbox.guest.start_agent(
            self.run_name,
            claude.argv(
                program,
                claude_session_id=session_id,
                resume=resume,
                model=options["model"],
                permission_mode=options["permission_mode"],
            ),
            cwd=paths.work,
            env=claude.environment(home=paths.home, socket=paths.gateway_socket, token=token),
        )

    async def _extend_token(self) -> None:
        await in_db(gateway.extend_tokens)(subject_id=self.turn.session_id, now=timezone.now())

    async def _end_process(self, sandbox: Sandbox) -> None:
        """A polite end, then TERM, then KILL."""
        await self._send(sandbox, f"end-{uuid.uuid4().hex}", claude.end_session(f"end-{self.turn.epoch}"))
        for signal in ("", "TERM", "KILL"):
            if signal:
                await sandbox.guest.signal_agent(self.run_name, signal)
            if await self._has_exited(sandbox):
                return

    async def _has_exited(self, sandbox: Sandbox) -> bool:
        deadline = timezone.now() + timedelta(seconds=GRACE_S)
        while timezone.now() < deadline:
            if not (await sandbox.guest.agent_status(self.run_name)).is_alive:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _raise_exit(self, sandbox: Sandbox) -> None:
        """Record how the agent ended, withdraw what it had asked, and fail the turn."""
        status = await sandbox.guest.agent_status(self.run_name)
        entry = Entry(
            "agent.exited",
            {"exit_code": status.exit_code, "signal": status.signal, "stderr": status.stderr_tail[-4000:]},
        )
        asked = await in_db(turns.pending_request_ids)(self.turn)
        await self._commit([entry, *(Withdraw(request_id, "The agent ended.") for request_id in asked)])
        how = f"signal {status.signal}" if status.signal else f"exit code {status.exit_code}"
        tail = status.stderr_tail.strip()[-500:]
        raise AgentFailed(
            f"The agent ended unexpectedly ({how}). Send a message to go on where it stopped. {tail}".strip()
        )

    async def _send(self, sandbox: Sandbox, message_id: str, line: bytes) -> None:
        await sandbox.guest.send_agent(self.run_name, message_id, line)

    # The conversation

    async def _converse(self, sandbox: Sandbox) -> None:
        """Hand over the message and follow the stream until the turn has ended."""
        if self.talk.ended is not None:
            return
        turn = self.turn
        await self._send(sandbox, f"init-{turn.epoch}", claude.initialize(f"init-{turn.epoch}"))
        await self._send(sandbox, str(turn.message_id), claude.user_message(turn.message_id, turn.text))
        if not turn.is_delivered:
            await in_db(turns.mark_delivered)(turn, timezone.now())
        reader = sandbox.guest.read_agent(self.run_name, self.talk.offset)
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._watch_wishes(sandbox)), group.create_task(self._send_deltas())]
            helpers.append(group.create_task(self._keep_token()))
            try:
                await self._follow(reader)
            finally:
                for task in helpers:
                    task.cancel()
        await self._flush_deltas()
        if self.talk.ended is None:
            if self.is_cancelled:
                return
            await self._raise_exit(sandbox)

    async def _drain(self, sandbox: Sandbox) -> None:
        """Read what a process that is gone has left unread."""
        await self._follow(sandbox.guest.read_agent(self.run_name, self.talk.offset))

    async def _follow(self, reader: AsyncIterator[bytes]) -> None:
        """Reduce and store the stream until the turn ends or the process has gone."""
        async with contextlib.aclosing(_batched(reader)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                await self._consume(chunk)
                if self.talk.ended is not None:
                    return

    async def _consume(self, chunk: bytes) -> None:
        """Store what these bytes mean, with the offset up to which they are complete lines, in one transaction."""
        talk = self.talk
        entries: list[Entry | Ask | Withdraw] = []
        for line in talk.framer.feed(chunk):
            talk.offset += line.size
            talk.state, outputs = claude.reduce(talk.state, line.data)
            for output in outputs:
                self._sort(output, entries)
            if talk.ended is not None:
                break
        if entries or talk.ended is not None:
            await self._flush_deltas()
        await self._commit(entries)
        if any(isinstance(entry, Ask | Withdraw) for entry in entries):
            await self._show_waiting()

    def _sort(self, output: claude.Output, entries: list[Entry | Ask | Withdraw]) -> None:
        match output:
            case Entry():
                entries.append(output)
                if output.payload.get("block") == self.talk.live.get("block"):
                    self.talk.live = {}
            case claude.Delta():
                self.talk.deltas.append(output)
            case claude.PermissionAsked():
                entries.append(self._ask(output))
            case claude.PermissionWithdrawn():
                entries.append(Withdraw(output.request_id, "The agent no longer asks."))
            case claude.ControlReply():
                entries.extend(self._ask(asked) for asked in output.pending)
            case claude.TurnEnded() if self._is_ours(output):
                self.talk.ended = output
            case _:
                pass

    def _ask(self, asked: claude.PermissionAsked) -> Ask:
        return Ask(
            request_id=asked.request_id,
            kind=asked.kind,
            tool=asked.tool,
            input=asked.input,
            description=asked.description,
            suggestions=asked.suggestions,
            cwd=self.work,
        )

    def _is_ours(self, ended: claude.TurnEnded) -> bool:
        return not ended.message_ids or str(self.turn.message_id) in ended.message_ids

    async def _commit(self, entries: Sequence[Entry | Ask | Withdraw]) -> None:
        talk = self.talk
        batch = Batch(
            entries=entries,
            job_id=self.turn.job_id,
            agent_run=self.run_name,
            agent_offset=talk.offset,
            agent_state=talk.state.to_json(),
            live=talk.live if talk.live != talk.stored_live and not talk.live else None,
        )
        await self.writer.commit(self.turn.session_id, self.turn.epoch, batch)
        if batch.live is not None:
            talk.stored_live = batch.live

    async def _show_waiting(self) -> None:
        waiting = await in_db(turns.has_pending_permissions)(self.turn)
        status = SessionStatus.WAITING_INPUT if waiting else SessionStatus.RUNNING
        await in_db(turns.set_status)(self.turn, status, timezone.now())

    # What runs beside the stream

    async def _send_deltas(self) -> None:
        """Pass streamed text on as it grows, and keep it where a reader that comes late finds it."""
        loop = asyncio.get_running_loop()
        stored_at = loop.time()
        while True:
            await asyncio.sleep(DELTA_S)
            await self._flush_deltas()
            if self.talk.live != self.talk.stored_live and loop.time() - stored_at >= LIVE_S:
                live = dict(self.talk.live)
                await self.writer.commit(self.turn.session_id, self.turn.epoch, Batch(live=live))
                self.talk.stored_live, stored_at = live, loop.time()

    async def _flush_deltas(self) -> None:
        deltas, self.talk.deltas = claude.merge_deltas(self.talk.deltas), []
        for delta in deltas:
            self._note_live(delta)
            await events.aring_delta(
                self.turn.session_id,
                block=delta.block,
                parent=delta.parent,
                kind=delta.kind,
                offset=delta.offset,
                text=delta.text,
            )

    def _note_live(self, delta: claude.Delta) -> None:
        live = self.talk.live
        before = live.get("text", "") if live.get("block") == delta.block else ""
        self.talk.live = {"block": delta.block, "parent": delta.parent, "kind": delta.kind, "text": before + delta.text}

    async def _keep_token(self) -> None:
        while True:
            await asyncio.sleep(TOKEN_S)
            await self._extend_token()

    async def _watch_wishes(self, sandbox: Sandbox) -> None:
        """Deliver answers, interrupts and cancellation as people give them."""
        async with doorbell.listen(events.control_group(self.turn.session_id)) as bell:
            while True:
                await self._deliver_answers(sandbox)
                interrupt, cancel = await in_db(turns.wishes)(self.turn)
                if cancel and not self.is_cancelled:
                    self.is_cancelled = True
                    await self._cancel(sandbox)
                elif interrupt and not self.is_interrupted:
                    self.is_interrupted = True
                    await self._interrupt(sandbox)
                await bell.wait(timeout_s=WISH_S)

    async def _deliver_answers(self, sandbox: Sandbox) -> None:
        answers = await in_db(turns.undelivered_answers)(self.turn)
        for answer in answers:
            await self._send(sandbox, f"answer-{answer.id}", _answer_line(answer))
            await in_db(turns.answer_delivered)(answer.id, timezone.now())
        if answers:
            await self._show_waiting()

    async def _interrupt(self, sandbox: Sandbox) -> None:
        name = f"interrupt-{self.turn.job_id}"
        await self._send(sandbox, name, claude.interrupt(name))

    async def _cancel(self, sandbox: Sandbox) -> None:
        """Interrupt; when the agent does not end its turn in time, TERM and then KILL its process."""
        await self._interrupt(sandbox)
        for signal in ("TERM", "KILL"):
            await asyncio.sleep(GRACE_S)
            if self.talk.ended is not None:
                return
            await sandbox.guest.signal_agent(self.run_name, signal)

    # The end of the turn

    async def _checkpoint(self, sandbox: Sandbox) -> None:
        """Snapshot the working tree into the vault; a snapshot that fails is told, and does not fail the turn."""
        turn = self.turn
        id = uuid.uuid4()
        try:
            commit, is_dirty = await machines.snapshot_to_vault(
                sandbox,
                project_id=turn.project_id,
                ref=f"refs/sessions/{turn.session_id}/{id}",
                message=f"Checkpoint of {turn.branch}",
                known=[oid for oid in (turn.base_commit, turn.head_commit) if oid],
            )
            files = await asyncio.to_thread(Vault(turn.project_id).files_changed, turn.base_commit, commit)
        except (SandboxError, DomainError) as error:
            logger.warning("snapshot failed", error=str(error))
            text = "The working tree could not be saved after this turn; it will be tried again after the next one."
            await self._commit([Entry("agent.notice", {"level": "error", "text": text, "detail": str(error)[:2000]})])
            return
        await in_db(turns.save_checkpoint)(
            turn, id=id, commit=commit, is_dirty=is_dirty, files_changed=files, now=timezone.now()
        )

    async def _finish(self) -> None:
        ended = self.talk.ended
        if self.is_cancelled:
            await in_db(turns.finish)(self.turn, JobStatus.CANCELLED, SessionStatus.COMPLETED, timezone.now())
        elif ended is not None and ended.is_error and not self.is_interrupted:
            await in_db(turns.finish)(
                self.turn, JobStatus.FAILED, SessionStatus.ERROR, timezone.now(), error=ended.error
            )
        else:
            result = ended.entry.payload if ended is not None else None
            await in_db(turns.finish)(
                self.turn, JobStatus.COMPLETED, SessionStatus.COMPLETED, timezone.now(), result=result
            )


def _answer_line(answer: turns.Answer) -> bytes:
    given = answer.answer
    if not answer.is_allowed:
        return claude.answer_deny(answer.request_id, given.get("reason") or "The user declined this.")
    always = answer.suggestions if given.get("always") else []
    return claude.answer_allow(
        answer.request_id, answer.input, updated_permissions=always, answers=given.get("answers")
    )


async def _exists(sandbox: Sandbox, path: str) -> bool:
    probe = await sandbox.guest.run(["test", "-s", path])
    return probe.exit_code == 0


async def _batched(reader: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join chunks that arrive close together, so that a burst costs one transaction."""
    buffer = bytearray()
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(reader))
            done, _ = await asyncio.wait({pending}, timeout=FLUSH_S if buffer else None)
            if done:
                task, pending = pending, None
                try:
                    buffer += task.result()
                except StopAsyncIteration:
                    break
                if len(buffer) < 4 * 2**20:
                    continue
            yield bytes(buffer)
            buffer.clear()
        if buffer:
            yield bytes(buffer)
    finally:
        if pending is not None:
            pending.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending
