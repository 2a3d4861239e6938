"""One turn of an agent, from the user's message to the checkpoint."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Coroutine
from typing import Any

import django.db
import psycopg
import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.errors import DomainError
from projects.vault import Vault
from sandbox import Sandbox
from sandbox.errors import SandboxError
from sessions import claude, doorbell, events, machines, turns
from sessions.agent import GRACE_S, AgentProcess
from sessions.conversation import Conversation
from sessions.errors import StaleEpoch
from sessions.events import Entry
from sessions.log import LogWriter, Withdraw
from sessions.models import JobStatus, SessionStatus
from sessions.turns import Turn

logger = structlog.get_logger(__name__)

WISH_S = 3.0  # how often the database is asked for answers and wishes, in case a doorbell was lost
STUBBORN_S = 1.0  # after which a task that goes on although it was cancelled is cancelled again
TOKEN_S = 600.0  # how often the sandbox's token is extended while a turn runs


# The turn is not to blame, and goes on when the database is back: the agent works meanwhile, its spool keeps.
DATABASE_LOST = (psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError)


class AgentFailed(Exception):
    """The agent process ended by itself; the message names how, and what it wrote last."""


async def run_turn(*, session_id: uuid.UUID, job_id: uuid.UUID, writer: LogWriter) -> None:
    """Run one job to its end, and first those before it that another worker left; harmless when repeated.

    Raises: asyncio.CancelledError (the worker stops: the job is handed back); StaleEpoch (another worker has it).
    """
    while turn := await in_db(turns.claim)(session_id=session_id, job_id=job_id, now=timezone.now()):
        await _run(turn, writer)


async def _run(turn: Turn, writer: LogWriter) -> None:
    context = {
        "session_id": str(turn.session_id),
        "job_id": str(turn.job_id),
        "organization_id": str(turn.organization_id),
    }
    with structlog.contextvars.bound_contextvars(**context):
        try:
            await TurnRunner(turn, writer).run()
        except (StaleEpoch, *DATABASE_LOST):
            raise
        except AgentFailed as error:
            logger.warning("agent failed", error=str(error))
            await _fail(turn, str(error))
        except (SandboxError, DomainError) as error:
            logger.warning("turn failed", error=str(error), kind=type(error).__name__)
            await _break_off(turn, str(error))
        except Exception:
            logger.exception("turn broke")
            await _break_off(turn, "The server could not run this turn. Send it again; the log has the details.")


async def _break_off(turn: Turn, error: str) -> None:
    """End a turn whose agent may live and still be at work on it."""
    await in_db(turns.distrust_agent)(turn)
    await _fail(turn, error)


async def _fail(turn: Turn, error: str) -> None:
    await in_db(turns.finish)(turn, JobStatus.FAILED, SessionStatus.ERROR, timezone.now(), error=error)


class TurnRunner:
    """The steps of one turn; one instance a turn."""

    agent: AgentProcess
    talk: Conversation

    def __init__(self, turn: Turn, writer: LogWriter) -> None:
        self.turn, self.writer = turn, writer
        self.is_cancelled = False
        self.is_interrupted = False

    async def run(self) -> None:
        turn = self.turn
        await self._progress(5, "Starting the sandbox")
        sandbox = await machines.ensure_sandbox(turn)
        await self._progress(10, "Preparing the working tree")
        await machines.ensure_workspace(turn, sandbox)
        if turn.result is None:
            await self._progress(15, "Starting the agent")
            if await self._ready_agent(sandbox):
                await self._progress(20, "Working")
                await self._converse()
        await self._checkpoint(sandbox)
        await self._finish()

    async def _progress(self, percent: int, message: str) -> None:
        await in_db(turns.note_progress)(self.turn, percent, message, timezone.now())

    async def _ready_agent(self, sandbox: Sandbox) -> bool:
        """A live process to talk to; False when there is nothing left to say to it.

        One that died after it had this message is not asked again: the user decides.
        What a process of before has left unread in its spool is stored first; it may hold the end of this very turn.
        """
        turn, paths = self.turn, await sandbox.guest.paths()
        self.agent = AgentProcess(turn, sandbox.guest, paths, machines.program_dir())
        self.talk = self._conversation(paths.work)
        is_alive = bool(self.agent.run) and (await self.agent.status()).is_alive
        if is_alive and (turn.is_delivered or await self.agent.is_fit()):
            return True
        if is_alive:
            await self.agent.end()
        if self.agent.run and (await self.agent.status()).exists:
            await self.talk.follow()
        if self.talk.result is not None or turn.is_cancelled:
            return False
        if turn.is_delivered:
            await self._record_exit()
        await self.agent.start()
        self.talk = self._conversation(paths.work)
        return True

    def _conversation(self, cwd: str) -> Conversation:
        return Conversation(self.turn, self.agent, self.writer, cwd)

    async def _converse(self) -> None:
        """Hand over the message and follow the stream until the turn has ended."""
        turn, name = self.turn, f"init-{self.turn.epoch}"
        if not turn.is_delivered and (await in_db(turns.wishes)(turn))[1]:
            self.is_cancelled = True
            return
        await self.agent.send(name, claude.initialize(name))
        await self.agent.send(str(turn.message_id), claude.user_message(turn.message_id, turn.text))
        if not turn.is_delivered:
            await in_db(turns.mark_delivered)(turn, timezone.now())
        self.talk.has_message = True
        await _while(self.talk.follow(), self._serve_wishes(), self.talk.keep_passing_on(), self._keep_token())
        await self.talk.pass_on_deltas()
        await self._take_over_mode()
        if self.talk.result is None and not self.is_cancelled:
            await self._record_exit()

    async def _record_exit(self) -> None:
        """Tell how the agent ended, withdraw what it had asked, and fail the turn.

        Raises: AgentFailed, always.
        """
        status = await self.agent.status()
        told = {"exit_code": status.exit_code, "signal": status.signal, "stderr": status.stderr_tail[-4000:]}
        asked = await in_db(turns.pending_request_ids)(self.turn)
        withdrawn = [Withdraw(request_id, "The agent ended.") for request_id in asked]
        await self.talk.commit([Entry("agent.exited", told), *withdrawn])
        how = f"signal {status.signal}" if status.signal else f"exit code {status.exit_code}"
        if status.signal is None and status.exit_code is None:
            how = "its sandbox was lost"
        tail = status.stderr_tail.strip()[-500:]
        raise AgentFailed(f"The agent ended unexpectedly ({how}). Send a message to go on. {tail}".strip())

    # What people want while the turn runs

    async def _serve_wishes(self) -> None:
        """Deliver answers, interrupts and cancellation as people give them; runs until cancelled."""
        async with doorbell.listen(events.control_group(self.turn.session_id)) as bell:
            while True:
                await self._deliver_answers()
                await self._refuse_unknown()
                await self._take_over_mode()
                interrupt, cancel = await in_db(turns.wishes)(self.turn)
                if cancel and not self.is_cancelled:
                    await self._cancel()
                elif interrupt and not self.is_interrupted:
                    self.is_interrupted = True
                    await self.agent.interrupt(f"interrupt-{self.turn.job_id}")
                if self.talk.has_news.is_set():
                    self.talk.has_news.clear()
                    await self._show_waiting()
                await bell.wait(timeout_s=WISH_S)

    async def _deliver_answers(self) -> None:
        answers = await in_db(turns.undelivered_answers)(self.turn)
        for answer in answers:
            await self.agent.send(f"answer-{answer.id}", _answer_line(answer))
            await in_db(turns.answer_delivered)(answer.id, timezone.now())
        if answers:
            await self._show_waiting()

    async def _refuse_unknown(self) -> None:
        while self.talk.unknown:
            request_id = self.talk.unknown.pop()
            await self.agent.send(f"unknown-{uuid.uuid4()}", claude.answer_error(request_id, "Not supported here."))

    async def _take_over_mode(self) -> None:
        if self.talk.mode is not None:
            mode, self.talk.mode = self.talk.mode, None
            await in_db(turns.note_mode)(self.turn, mode)

    async def _show_waiting(self) -> None:
        waiting = await in_db(turns.has_pending_permissions)(self.turn)
        status = SessionStatus.WAITING_INPUT if waiting else SessionStatus.RUNNING
        await in_db(turns.set_status)(self.turn, status, timezone.now())

    async def _cancel(self) -> None:
        """Interrupt; when the agent does not end its turn in time, TERM and then KILL its process."""
        self.is_cancelled = True
        await self.agent.interrupt(f"interrupt-{self.turn.job_id}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            await asyncio.sleep(GRACE_S)
            await self.agent.signal(number)

    async def _keep_token(self) -> None:
        while True:
            await self.agent.extend_token()
            await asyncio.sleep(TOKEN_S)

    # The end of the turn

    async def _checkpoint(self, sandbox: Sandbox) -> None:
        """Snapshot the working tree into the vault; a snapshot that fails is told, and does not fail the turn."""
        turn, id = self.turn, uuid.uuid4()
        try:
            commit, is_dirty = await machines.snapshot_to_vault(
                sandbox,
                project_id=turn.project_id,
                ref=f"refs/sessions/{turn.session_id}/{id}",
                message=f"Checkpoint of {turn.branch}",
                known=[oid for oid in (turn.base_commit, turn.head_commit) if oid],
            )
            files = await asyncio.to_thread(Vault(turn.project_id).files_changed, turn.base_commit, commit)
        except (SandboxError, DomainError, OSError) as error:
            logger.warning("snapshot failed", error=str(error))
            await in_db(turns.note_lost_snapshot)(turn, str(error), timezone.now())
            return
        await in_db(turns.save_checkpoint)(
            turn, id=id, commit=commit, is_dirty=is_dirty, files_changed=files, now=timezone.now()
        )

    async def _finish(self) -> None:
        """Show how the turn went; what the log holds counts, also when an earlier worker wrote it."""
        result = self.turn.result or self.talk.result
        is_interrupted, is_cancelled = await in_db(turns.wishes)(self.turn)
        finish, now = in_db(turns.finish), timezone.now()
        if is_cancelled:
            await finish(self.turn, JobStatus.CANCELLED, SessionStatus.COMPLETED, now)
        elif result and result["is_error"] and not is_interrupted:
            await finish(self.turn, JobStatus.FAILED, SessionStatus.ERROR, now, error=result["error"])
        else:
            await finish(self.turn, JobStatus.COMPLETED, SessionStatus.COMPLETED, now, result=result)


async def _while(main: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end with the others beside it; an error of any of them ends all."""
    tasks = [asyncio.create_task(coroutine) for coroutine in (main, *others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        # Again and again: on Python 3.11 `wait_for`, which the database's pool uses, can swallow a cancellation.
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=STUBBORN_S)
        await asyncio.gather(*tasks, return_exceptions=True)


def _answer_line(answer: turns.Answer) -> bytes:
    given = answer.answer
    if not answer.is_allowed:
        return claude.answer_deny(answer.request_id, given.get("reason") or "The user declined this.")
    always = answer.suggestions if given.get("always") else []
    return claude.answer_allow(
        answer.request_id, answer.input, updated_permissions=always, answers=given.get("answers") or None
    )
