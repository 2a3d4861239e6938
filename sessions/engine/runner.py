"""One turn of an agent, from the user's message to the checkpoint."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import django.db
import psycopg
import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.errors import DomainError
from projects.vault import Vault
from runtime.failpoints import failpoint
from sandbox import Sandbox
from sandbox.errors import GuestSilent, SandboxError, SandboxGone
from sessions import claude
from sessions.engine import causes, claims, machines, resuming, tracks, turns, watching, wishes
from sessions.engine.agent import AgentProcess
from sessions.engine.attendant import Attendant
from sessions.engine.claims import Turn
from sessions.engine.companions import until_first
from sessions.engine.conversation import TITLE, Conversation
from sessions.engine.turnstile import turnstile
from sessions.engine.vigil import TurnVigil
from sessions.errors import StaleEpoch
from sessions.log import LogWriter
from sessions.models import JobStatus, SessionStatus

logger = structlog.get_logger(__name__)

TITLE_FROM = 4000  # characters of the first message
SHOWN_AFTER_S = 1.0  # a step that takes so long is told

# The turn is not to blame, and goes on when the database is back: the agent works meanwhile, its spool keeps.
DATABASE_LOST = (psycopg.OperationalError, django.db.OperationalError, django.db.InterfaceError)


class AgentFailed(Exception):
    """The agent process ended by itself; the message names how, and what it wrote last."""


class EndLost(Exception):
    """The agent has nothing to do any more, but how the turn ended was lost on the way."""


async def run_turn(*, session_id: uuid.UUID, job_id: uuid.UUID | None = None, writer: LogWriter) -> None:
    """Run the session's turns until none is left, that of the job for one, and follow what goes on by itself.

    Harmless when repeated. Raises: asyncio.CancelledError (the worker stops: the job is handed back); StaleEpoch
    (another worker has it).
    """
    while True:
        turn = await in_db(claims.claim)(session_id=session_id, job_id=job_id, now=timezone.now())
        turn = turn or await _watch(session_id, writer)
        if turn is not None:
            await _run(turn, writer)
        elif not await in_db(claims.is_due)(session_id, job_id):
            return


async def _watch(session_id: uuid.UUID, writer: LogWriter) -> Turn | None:
    """Follow an agent that goes on although no turn runs; the turn that it begins by itself, if it does."""
    lease = await in_db(claims.claim_watch)(session_id=session_id) if watching.has_room() else None
    if lease is None:
        return None
    names = {"session_id": str(session_id), "organization_id": str(lease.organization_id)}
    with structlog.contextvars.bound_contextvars(**names):
        try:
            return await watching.Watcher(lease, writer).run()
        except SandboxError as error:
            logger.warning("watch_ended", error=str(error))
            cause = await machines.cause_of_loss(session_id) if isinstance(error, SandboxGone) else None
            await in_db(turns.end_watch)(lease, timezone.now(), error=cause or str(error))
            return None


async def _run(turn: Turn, writer: LogWriter) -> None:
    async with tracks.followed(turn):
        failpoint("turn.claimed")
        try:
            await TurnRunner(turn, writer).run()
        except (StaleEpoch, *DATABASE_LOST):
            raise
        except (AgentFailed, EndLost) as error:
            logger.warning("agent failed", error=str(error), kind=type(error).__name__)
            await _fail(turn, str(error))
        except (SandboxError, DomainError) as error:
            logger.warning("turn failed", error=str(error), kind=type(error).__name__)
            cause = await machines.cause_of_loss(turn.session_id) if isinstance(error, SandboxGone) else None
            await _break_off(turn, cause or causes.turn_failed(error))
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
        self._is_retold = self._is_noted = False
        self._is_cancelled = turn.is_cancelled

    async def run(self) -> None:
        turn = self.turn
        async with self._step(5, gettext_noop("Starting the sandbox")):
            sandbox = await machines.ensure_sandbox(turn)
        async with self._step(10, gettext_noop("Preparing the working tree")):
            await machines.ensure_workspace(turn, sandbox)
        if turn.result is None:
            async with self._step(15, gettext_noop("Starting the agent")):
                is_ready = await self._ready_agent(sandbox)
            if is_ready:
                await self._progress(20, gettext_noop("Working"))
                await self._converse()
            if self._is_cancelled and not (await self.agent.status()).is_alive:
                await in_db(turns.agent_ended)(turn, timezone.now())  # it was ended on purpose, which is no news
        failpoint("turn.before_checkpoint")
        await self._checkpoint(sandbox)
        failpoint("turn.before_finish")
        await self._finish()

    async def _progress(self, percent: int, message: str) -> None:
        await in_db(turns.note_progress)(self.turn, percent, message, timezone.now())

    @contextlib.asynccontextmanager
    async def _step(self, percent: int, message: str) -> AsyncIterator[None]:
        """Told only when it takes a moment: mostly all is there, and many turns that begin share one database."""

        async def tell() -> None:
            await asyncio.sleep(SHOWN_AFTER_S)
            await self._progress(percent, message)

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ready_agent(self, sandbox: Sandbox) -> bool:
        """A live process to talk to; False when there is nothing left to say to it.

        One that died after it had this message is not asked again: the user decides.
        What a process of before has left unread in its spool is stored first; it may hold the end of this very turn.
        """
        turn, paths = self.turn, await sandbox.guest.paths()
        self.agent = AgentProcess(turn, sandbox, paths)
        self.talk = self._conversation(paths.work)
        is_alive = bool(self.agent.run) and (await self.agent.status()).is_alive
        if is_alive and (turn.is_delivered or await self.agent.is_fit()):
            return True
        if is_alive:
            await self.agent.end()
        has_message = turn.is_delivered
        if self.agent.run and (await self.agent.status()).exists:
            has_message = has_message or (turn.message_id is not None and await self.agent.has_taken(turn.message_id))
            self.talk.has_message = has_message
            await self.talk.follow()
        if self.talk.result is not None or turn.is_cancelled:
            return False
        if has_message:
            await self._record_exit()
        await self.agent.start()
        self.talk = self._conversation(paths.work)
        return True

    def _conversation(self, cwd: str) -> Conversation:
        return Conversation(self.turn, self.agent, self.writer, cwd)

    async def _converse(self) -> None:
        """Hand over the message and follow the stream until the turn has ended."""
        turn, name = self.turn, f"init-{self.turn.epoch}"
        if not turn.is_delivered and (await in_db(wishes.wants)(turn)).is_cancelled:
            return
        await self.agent.send(name, claude.initialize(name))
        failpoint("turn.before_delivery")
        if turn.message_id is not None and not turn.is_delivered:
            await self._deliver(turn.message_id)
        self.talk.has_message = True
        attendant = Attendant(turn, self.agent, self.talk, SessionStatus.RUNNING)
        vigil = TurnVigil(self.agent, self.talk)
        await until_first(
            self.talk.follow(),
            self._attend(attendant),
            vigil.keep(),
            self.talk.keep_passing_on(),
            self.agent.keep_token(),
        )
        await self._note_delivery()  # where the turn was over before
        await self.talk.pass_on_deltas()
        await attendant.take_over_mode()
        self._is_cancelled |= attendant.is_cancelled
        if self.talk.result is not None or attendant.is_cancelled:
            return
        if not self._is_retold and resuming.was_refused(await self.agent.status()):
            # It ended before it read anything: another one is told of the conversation, and gets the message.
            self._is_retold, self._is_noted = True, False
            await self.agent.start(is_refused=True)
            self.talk = self._conversation((await self.agent.guest.paths()).work)
            return await self._converse()
        await self._record_end(vigil)

    async def _attend(self, attendant: Attendant) -> None:
        """The agent is read from its first line on: that it has the message is noted meanwhile."""
        await self._note_delivery()
        await attendant.serve()

    async def _deliver(self, message_id: uuid.UUID) -> None:
        """The message, once however often it is sent; with the first one the agent is asked for a title."""
        turn, images = self.turn, await in_db(claims.images_of)(message_id)
        text = f"{turn.text}\n\n{turn.note}" if turn.note else turn.text
        line = await asyncio.to_thread(claude.user_message, message_id, text, images)  # may be many megabytes
        await self.agent.send(str(message_id), line)
        if not turn.title and not turn.text.lstrip().startswith("/"):
            with contextlib.suppress(SandboxError):  # whoever reads the agent finds out what is wrong
                await self.agent.send(TITLE, claude.ask_title(TITLE, turn.text[:TITLE_FROM]))

    async def _note_delivery(self) -> None:
        if self._is_noted:
            return
        if self.turn.message_id is not None and not self.turn.is_delivered:
            await in_db(turns.mark_delivered)(self.turn, timezone.now())
        failpoint("turn.after_delivery")
        self._is_noted = True

    async def _record_end(self, vigil: TurnVigil) -> None:
        """Why the turn is over without a result.

        Raises: EndLost, GuestSilent (the agent does not answer) or AgentFailed.
        """
        status = await self.agent.status()
        if status.is_alive and vigil.is_mute:
            raise GuestSilent(causes.MUTE)
        if status.is_alive and vigil.is_end_lost:
            raise EndLost(causes.end_lost(status))
        await self._record_exit()

    async def _record_exit(self) -> None:
        """Tell how the agent ended, withdraw what it had asked, and fail the turn.

        Raises: AgentFailed, always.
        """
        status = await self.agent.status()
        await self.talk.tell_exit(status, await in_db(turns.pending_request_ids)(self.turn))
        await in_db(turns.agent_ended)(self.turn, timezone.now())
        raise AgentFailed(causes.agent_failed(status))

    # The end of the turn

    async def _checkpoint(self, sandbox: Sandbox) -> None:
        """Snapshot the working tree into the vault; a snapshot that fails is told, and does not fail the turn."""
        turn, id = self.turn, turns.checkpoint_id(self.turn)
        if await in_db(turns.has_checkpoint)(turn):
            return  # the worker before us died between this and the end of the turn
        try:
            async with turnstile():
                commit, is_dirty = await machines.snapshot_to_vault(
                    sandbox,
                    project_id=turn.project_id,
                    ref=f"refs/sessions/{turn.session_id}/{id}",
                    message=f"Checkpoint of {turn.branch}",
                    known=[oid for oid in (turn.base_commit, turn.head_commit) if oid],
                )
                vault = Vault(turn.project_id)
                files = await asyncio.to_thread(vault.files_changed, turn.base_commit, commit)
                before = turn.head_commit or turn.base_commit
                in_turn = await asyncio.to_thread(vault.files_changed, before, commit)
        except (SandboxError, DomainError, OSError) as error:
            logger.warning("snapshot failed", error=str(error))
            await in_db(turns.note_lost_snapshot)(turn, str(error), timezone.now())
            return
        state = turns.TreeState(commit, is_dirty, files_changed=files, files_changed_in_turn=in_turn)
        await in_db(turns.save_checkpoint)(turn, id=id, state=state, now=timezone.now())

    async def _finish(self) -> None:
        """Show how the turn went; what the log holds counts, also when an earlier worker wrote it."""
        result = self.turn.result or self.talk.result
        wants = await in_db(wishes.wants)(self.turn)
        finish, now = in_db(turns.finish), timezone.now()
        if wants.is_cancelled:
            await finish(self.turn, JobStatus.CANCELLED, SessionStatus.COMPLETED, now)
        elif result and result["is_error"] and not wants.is_interrupted:
            await finish(self.turn, JobStatus.FAILED, SessionStatus.ERROR, now, error=result["error"])
        else:
            await finish(self.turn, JobStatus.COMPLETED, SessionStatus.COMPLETED, now, result=result)
