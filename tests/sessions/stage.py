"""A stage for turns: real rows, log and vault; the sandbox and the agent in it play what the test says."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from channels.db import database_sync_to_async as in_db
from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Organization, User
from projects.vault import Vault
from runtime import failpoints
from sandbox import Phase, Sandbox
from sandbox.answers import Result
from sandbox.errors import SandboxRefused
from sandbox.spec import LocalSpec
from sandbox.testing import ScriptedAgent, ScriptedGuest, ScriptedSandbox
from sessions import services
from sessions.engine import runner
from sessions.log import LogWriter
from sessions.models import Event, Job, PermissionRequest
from sessions.services import NewSessions
from tests.sessions.rows import make_vault_project

Message = dict[str, Any]
Lines = list[Message]
Act = Lines | Callable[[str], Lines]

INTERRUPTED = {"is_error": True, "terminal_reason": "aborted_tools", "subtype": "error_during_execution"}


def text(said: str) -> Message:
    message = {"id": f"msg_{uuid.uuid4().hex}", "model": "m", "content": [{"type": "text", "text": said}]}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None}


def result(prompt_id: str | None, **fields: Any) -> Message:
    """The end of the turn that a prompt began."""
    return {"type": "result", "subtype": "success", "is_error": False, "user_message_uuid": prompt_id, **fields}


def asks(request_id: str, tool: str = "Bash", **arguments: Any) -> Message:
    request = {"subtype": "can_use_tool", "tool_name": tool, "input": arguments or {"command": "ls"}}
    return {"type": "control_request", "request_id": request_id, "request": request}


def begins(claude_session_id: str = "") -> Message:
    """A turn begins."""
    return {
        "type": "system",
        "subtype": "init",
        "session_id": claude_session_id,
        "model": "m",
        "permissionMode": "default",
    }


def background(*names: str) -> Message:
    """These tasks go on by themselves."""
    tasks = [{"task_id": name, "task_type": "local_bash", "description": name} for name in names]
    return {"type": "system", "subtype": "background_tasks_changed", "tasks": tasks}


def activity(state: str) -> Message:
    """What the session is doing: running, requires_action or idle."""
    return {"type": "system", "subtype": "session_state_changed", "state": state}


class Player:
    """Speaks for the CLI: each prompt gets the next act, which is a list of lines or makes one."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.guest: ScriptedGuest | None = None
        self.prompts: list[Any] = []  # texts, or lists of blocks where images go along
        self.prompt_ids: list[str] = []
        self.answers: list[Message] = []
        self.interrupts = 0
        self.waiting: Lines = []  # told again in reply to `initialize`
        self.after_answer: Lines = []
        self.on_interrupt: Callable[[], Lines] = lambda: [result(None, **INTERRUPTED)]
        self.does_leave = True
        self.does_greet = True
        self.activity = ""  # what it says that it does, in reply to `initialize`
        self.title = ""  # what it calls the work when asked
        self.settings: list[Message] = []  # the models, modes and rules that it was given
        self.refusal: Message = {}  # what it answers to those, if not yes

    def __call__(self, line: bytes) -> Iterable[bytes]:
        return self.lines(*self._play(json.loads(line)))

    @staticmethod
    def lines(*messages: Message) -> list[bytes]:
        """Messages as the CLI prints them."""
        return [json.dumps(message).encode() + b"\n" for message in messages]

    def _play(self, message: Message) -> Lines:
        match message["type"], message.get("request", {}).get("subtype"):
            case "user", _:
                self.prompts.append(message["message"]["content"])
                self.prompt_ids.append(message["uuid"])
                act = self.acts.pop(0) if self.acts else [text("done"), result(message["uuid"])]
                return act(message["uuid"]) if callable(act) else act
            case "control_response", _:
                self.answers.append(message["response"])
                return self.after_answer
            case "control_request", "initialize" if self.does_greet:
                told = {"session_state": self.activity} if self.activity else {}
                reply = {"subtype": "success", "request_id": message["request_id"], "response": told}
                return [
                    {"type": "control_response", "response": {**reply, "pending_permission_requests": self.waiting}}
                ]
            case "control_request", "interrupt":
                self.interrupts += 1
                return self.on_interrupt()
            case "control_request", "set_model" | "set_permission_mode" | "apply_flag_settings":
                self.settings.append(message["request"])
                answer = {"subtype": "success", "response": {}} | self.refusal
                return [{"type": "control_response", "response": {**answer, "request_id": message["request_id"]}}]
            case "control_request", "generate_session_title" if self.title:
                answer = {"subtype": "success", "request_id": message["request_id"], "response": {"title": self.title}}
                return [{"type": "control_response", "response": answer}]
            case "control_request", "end_session" if self.does_leave and self.guest is not None:
                self.guest.end_agent(list(self.guest.agents)[-1])
        return []


class ScriptedBackend:
    """Makes scripted sandboxes, and finds them again by their handles."""

    def __init__(self) -> None:
        self.made: list[ScriptedSandbox] = []
        self.specs: list[LocalSpec] = []
        self.machine_ids: dict[str, str] = {}
        self.commands: list[list[str]] = []
        self.player = Player()
        self.refusal: Exception | None = None
        self.has_transcript = False
        self.refuses_handles = False
        self.opening = 0
        self.on_open: Callable[[], Awaitable[object]] | None = None

    async def open(self, spec: LocalSpec) -> ScriptedSandbox:
        self.opening += 1
        if self.on_open is not None:
            await self.on_open()
        if self.refusal is not None:
            raise self.refusal
        self.specs.append(spec)
        running = [sandbox for sandbox in self.made if sandbox.phase is Phase.RUNNING]
        if running:
            return running[-1]
        sandbox = ScriptedSandbox(reply=self.player, command=self._command)
        self.player.guest = sandbox.guest
        self.made.append(sandbox)
        self.machine_ids[sandbox.handle["id"]] = spec.machine_id
        return sandbox

    async def find(self, spec: LocalSpec) -> ScriptedSandbox | None:
        return next((sandbox for sandbox in self.made if sandbox.phase is Phase.RUNNING), None)

    async def running(self, spec: LocalSpec) -> dict[str, Sandbox]:
        alive = [sandbox for sandbox in self.made if sandbox.phase is Phase.RUNNING]
        return {self.machine_ids[sandbox.handle["id"]]: sandbox for sandbox in alive}

    def attach(self, spec: LocalSpec, handle: dict[str, Any]) -> ScriptedSandbox:
        if self.refuses_handles:
            raise SandboxRefused
        found = next((sandbox for sandbox in self.made if sandbox.handle == handle), None)
        if found is None:
            raise SandboxRefused
        return found

    def _command(self, argv: Sequence[str], input: bytes) -> Result:
        self.commands.append(list(argv))
        if argv[0] == "test":
            return Result(0 if self.has_transcript else 1, b"", b"", is_truncated=False)
        head = self.made[-1].guest.git.head
        return Result(0 if head else 128, f"{head}\n".encode() if head else b"", b"", is_truncated=False)


class Stage:
    """One session with its jobs, and the sandbox that it gets."""

    def __init__(self, owner: User, organization: Organization, backend: ScriptedBackend) -> None:
        self.owner, self.backend, self.player = owner, backend, backend.player
        self.project = make_vault_project(owner, organization)
        new = NewSessions("stage")
        (session,) = services.create_sessions(actor=actor_for(owner), project=self.project, new=new, now=timezone.now())
        self.session = session

    @property
    def sandbox(self) -> ScriptedSandbox:
        return self.backend.made[-1]

    @property
    def guest(self) -> ScriptedGuest:
        return self.sandbox.guest

    @property
    def run_name(self) -> str:
        return list(self.guest.agents)[-1]

    @property
    def agent(self) -> ScriptedAgent:
        return self.guest.agents[self.run_name]

    @property
    def vault(self) -> Vault:
        return Vault(self.project.pk)

    def send(self, words: str = "do it") -> Job:
        return services.send_message(session=self.session, author=self.owner, text=words, now=timezone.now()).job

    async def asend(self, words: str = "do it") -> Job:
        job: Job = await in_db(self.send)(words)
        return job

    async def answer(self, decision: str = "allow", **fields: Any) -> None:
        """Somebody answers what waits."""
        waiting = await PermissionRequest.objects.aget(session=self.session, status="PENDING")
        given = services.Answer(decision, **fields)
        await in_db(services.answer_permission)(
            session=self.session, permission_id=waiting.pk, by=self.owner, answer=given, now=timezone.now()
        )

    async def play(self, job: Job) -> Job:
        """Run a job to its end."""
        async with LogWriter() as writer:
            await asyncio.wait_for(
                runner.run_turn(session_id=self.session.pk, job_id=job.pk, writer=writer), timeout=20
            )
        return await self.reread(job)

    @asynccontextmanager
    async def playing(self, job: Job) -> AsyncIterator[asyncio.Task[None]]:
        """A job that runs meanwhile; a worker that still runs at the end of the block dies there."""
        async with LogWriter() as writer:
            task = asyncio.create_task(runner.run_turn(session_id=self.session.pk, job_id=job.pk, writer=writer))
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    @contextmanager
    def dying_at(self, name: str) -> Iterator[None]:
        """While the block runs, a worker that comes to this fail point dies there."""

        def die() -> None:
            raise asyncio.CancelledError

        failpoints._rules[name] = die
        try:
            yield
        finally:
            del failpoints._rules[name]

    def snapshot_is(self, commit: str, is_dirty: bool, prompt_id: str) -> Lines:
        """An act: the turn ends, and this is the working tree after it."""
        self.guest.next_snapshot = (commit, is_dirty, b"")
        return [result(prompt_id)]

    async def reread(self, job: Job) -> Job:
        await self.session.arefresh_from_db()
        return await Job.objects.select_related("message").aget(pk=job.pk)

    async def events(self, kind: str) -> list[Message]:
        """Payloads of one kind, in order."""
        found = Event.objects.filter(session=self.session, kind=kind).order_by("seq")
        return [event.payload async for event in found]

    async def until_ended(self, job: Job) -> None:
        """Wait for a job to be over."""
        for _ in range(1000):
            if (await Job.objects.aget(pk=job.pk)).finished_at is not None:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the job did not end")

    async def until(self, kind: str, count: int = 1) -> None:
        """Wait for the log to hold so many events of a kind."""
        events = Event.objects.filter(session=self.session, kind=kind)
        for _ in range(1000):
            if await events.acount() >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{kind} did not come")

    async def until_shown(self, progress: str) -> None:
        """Wait for the log to tell this of a turn's progress."""
        for _ in range(1000):
            if any(told["progress_message"] == progress for told in await self.events("job.status")):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{progress} was not told")


async def eventually(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


backend = ScriptedBackend()
