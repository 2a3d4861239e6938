"""What holds after every fault, whatever it was: I1 to I8, each a question that is asked until the answer is right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.claude.lines import MAX_LINE_BYTES
from tests.faults.world import Client, World
from tests.journeys.person import PASSWORD
from tests.journeys.server import CANARY
from tests.journeys.wire import query

SETTLE_S = 60.0
STALE_LOCK_S = 60.0
NEXT_STEP = re.compile(r"\b(send|start|try|retry|stop|free|choose|restart|go on|ask|wait)\b", re.IGNORECASE)
CALM = ("COMPLETED", "ERROR", "STOPPED", "WAITING_INPUT")


def assert_invariants(world: World, *clients: Client) -> None:
    """Raises: AssertionError with everything that is still wrong after a minute."""
    everyone = [client for client in (*clients, world.neighbour) if client is not None]
    deadline = time.monotonic() + SETTLE_S
    while problems := [problem for check in CHECKS for problem in check(world, everyone)]:
        if time.monotonic() > deadline:
            raise AssertionError("\n".join(problems))
        world.tend()
        time.sleep(0.5)
    _assert_neighbour_unaffected(world)


# I1: what was acknowledged exists, once


def messages_once(world: World, clients: list[Client]) -> Iterable[str]:
    for client in clients:
        for id, session_id in client.acknowledged.items():
            rows = _ask(world, "select session_id from agent_sessions_message where id = %s", id)
            if [str(row[0]) for row in rows] != [session_id]:
                yield f"I1: message {id} was acknowledged and is stored {len(rows)} times"
            told = (
                "select count(*) from agent_sessions_event where kind = 'message.user' and payload->>'message_id' = %s"
            )
            if (count := _ask(world, told, id)[0][0]) != 1:
                yield f"I1: message {id} is {count} times in the log"


# I2: the agent got each message once


def delivered_once(world: World, clients: list[Client]) -> Iterable[str]:
    for client in clients:
        for session_id in set(client.acknowledged.values()):
            received = Counter(_received(world, session_id))
            done = "select m.id, j.status from agent_sessions_message m join agent_sessions_job j on j.id = m.job_id"
            for id, status in _ask(world, f"{done} where m.session_id = %s", session_id):
                count = received[str(id)]
                if count > 1 or (count < 1 and status == "COMPLETED"):
                    yield f"I2: the agent of {session_id} got message {id} ({status}) {count} times"


def _received(world: World, session_id: str) -> list[str]:
    """The ids of the messages that the agent's own record of the conversation holds."""
    home = world.server.data_dir / "sandboxes" / session_id / "home"
    found = []
    for record in [*home.glob(".claude/projects/*/*.jsonl"), *home.glob("received.jsonl")]:
        for line in record.read_bytes().splitlines():
            entry = _parsed(line)
            if entry.get("type") == "user" and not entry.get("isMeta") and isinstance(entry.get("uuid"), str):
                found.append(entry["uuid"])
    return found


# I3: what the agent said is in the log, once, in its order; what readers see is what is stored


def log_is_whole(world: World, clients: list[Client]) -> Iterable[str]:
    for client in clients:
        for session_id in set(client.acknowledged.values()):
            rows = _ask(
                world,
                "select seq, kind, payload from agent_sessions_event where session_id = %s order by seq",
                session_id,
            )
            last = _ask(world, "select last_seq from agent_sessions_agentsession where id = %s", session_id)
            if [row[0] for row in rows] != list(range(1, last[0][0] + 1 if last else 1)):
                yield f"I3: the log of {session_id} has gaps"
            if not _is_deleted(world, session_id):
                shown = [(event["seq"], event["kind"], event["payload"]) for event in client.events(session_id)]
                if shown != rows:
                    yield f"I3: readers of {session_id} see something else than is stored"
            yield from _said_once(world, session_id, [(kind, payload) for _, kind, payload in rows])


def _said_once(world: World, session_id: str, log: list[tuple[str, dict[str, Any]]]) -> Iterable[str]:
    stored = [key for kind, payload in log if (key := _key_of_event(kind, payload))]
    if doubled := [key for key, count in Counter(stored).items() if count > 1]:
        yield f"I3: stored twice for {session_id}: {doubled[:3]}"
    told = "select agent_run, agent_offset from agent_sessions_agentsession where id = %s"
    for run, offset in _ask(world, told, session_id):
        spool = world.server.data_dir / "sandboxes" / session_id / "state" / "runs" / run / "out.jsonl"
        if run and spool.exists():
            said = _keys_of_spool(spool.read_bytes()[:offset])
            if [key for key in stored if key in set(said)] != said:
                yield f"I3: the log of {session_id} and the agent's own output differ: {said} and {stored}"


def _key_of_event(kind: str, payload: dict[str, Any]) -> str:
    names = {"assistant.text": "block", "assistant.thinking": "block", "tool.call": "call_id", "tool.result": "call_id"}
    return f"{kind} {payload.get(names[kind])}" if kind in names else ""


def _keys_of_spool(data: bytes) -> list[str]:
    """What the agent printed, read by rules of our own: each tool call and each tool result.

    A line that is too long to be read is in the log as what it is, without a key.
    """
    found: list[str] = []
    for line in data.split(b"\n"):
        if len(line) > MAX_LINE_BYTES:
            continue
        entry = _parsed(line)
        message = entry.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else []:
            if entry["type"] == "assistant" and block.get("type") == "tool_use":
                found.append(f"tool.call {block['id']}")
            elif entry["type"] == "user" and block.get("type") == "tool_result":
                found.append(f"tool.result {block['tool_use_id']}")
    return list(dict.fromkeys(found))


# I4: what is shown is true, and says why and what next


def state_is_true(world: World, clients: list[Client]) -> Iterable[str]:
    for client in clients:
        for session_id in set(client.acknowledged.values()):
            if _is_deleted(world, session_id):
                continue
            shown = client.session(session_id)
            status, reason = shown["status"], shown["status_reason"]
            if shown["active_job"] is not None:
                yield f"I4: {session_id} has a job that nobody ends: {shown['active_job']}"
            elif status not in CALM:
                yield f"I4: {session_id} says {status} and does nothing"
            if status == "ERROR" and not NEXT_STEP.search(reason):
                yield f"I4: {session_id} failed and does not say what to do: {reason!r}"
            if shown["pending_permissions"] and status != "WAITING_INPUT":
                yield f"I4: {session_id} asks for an answer that nobody takes"
            last = [e["payload"] for e in client.events(session_id) if e["kind"] == "session.status"]
            if last and last[-1]["status"] != status:
                yield f"I4: the log of {session_id} ends with {last[-1]['status']}, and {status} is shown"


# I5: nothing is left behind


def no_orphans(world: World, clients: list[Client]) -> Iterable[str]:
    machines = "select m.handle, m.status, s.deleted_at from environments_machine m left join"
    rows = _ask(world, f"{machines} agent_sessions_agentsession s on s.machine_id = m.id")
    live = {handle.get("pid") for handle, status, _ in rows if status in ("CREATING", "RUNNING")}
    for pid in guests(world):
        if pid not in live:
            yield f"I5: the sandbox of process {pid} belongs to no machine"
    tokens = "select count(*) from gateway_gatewaytoken t join agent_sessions_agentsession s on s.id = t.subject_id"
    dead = _ask(world, f"{tokens} where t.revoked_at is null and (s.status = 'STOPPED' or s.deleted_at is not null)")
    if dead[0][0]:
        yield f"I5: {dead[0][0]} tokens of ended sessions are still good"
    held = "select id, task_name from procrastinate_jobs where status = 'doing' and lock like 'session:%%'"
    for id, name in _ask(world, held):
        yield f"I5: task {id} ({name}) holds its session"
    for project_id in [path.stem for path in (world.server.data_dir / "vault").glob("*.git")]:
        if not _ask(world, "select 1 from projects_project where id = %s", project_id):
            yield f"I5: the vault of {project_id} belongs to no project"


def guests(world: World) -> list[int]:
    """The first processes of this world's sandboxes."""
    mark = str(world.server.data_dir / "sandboxes").encode()
    roots = {int(handle["pid"]) for (handle,) in _ask(world, "select handle from environments_machine") if handle}
    on_disk = [_parsed(path.read_bytes()) for path in (world.server.data_dir / "sandboxes").glob("*/handle.json")]
    roots |= {int(handle["pid"]) for handle in on_disk if "pid" in handle}
    return [pid for pid in roots if _is_ours(pid, mark)]


def _is_ours(pid: int, mark: bytes) -> bool:
    """Whether the process lives and has our folder among its mounts or in its command line."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        seen = Path(f"/proc/{pid}/mountinfo").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return state != "Z" and mark in seen


# I6: the vault is sound


def vaults_are_sound(world: World, clients: list[Client]) -> Iterable[str]:
    now = time.time()
    for vault in (world.server.data_dir / "vault").glob("*.git"):
        done = _git(vault, "fsck", "--full", "--strict", "--no-dangling")
        if done.returncode or b"error" in done.stderr + done.stdout:
            yield f"I6: {vault.name}: {(done.stderr + done.stdout).decode(errors='replace')[:500]}"
        for lock in vault.rglob("*.lock"):
            if now - _changed_at(lock, now) > STALE_LOCK_S:
                yield f"I6: {lock} is left behind"
        commits = (
            "select c.id, c.commit, c.session_id from agent_sessions_checkpoint c join agent_sessions_agentsession s"
        )
        rows = _ask(world, f"{commits} on s.id = c.session_id where s.project_id = %s", uuid.UUID(vault.stem))
        refs = dict(line.split()[::-1] for line in _git(vault, "show-ref").stdout.decode().splitlines())
        for id, commit, session_id in rows:
            if refs.get(f"refs/sessions/{session_id}/{id}") != commit:
                yield f"I6: the vault has not got checkpoint {id} of {session_id}"


def _git(vault: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    command = ["git", "-c", "safe.bareRepository=all", "-C", str(vault), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=60)


def _changed_at(path: Path, default: float) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return default


# I7: the neighbour noticed nothing


def _assert_neighbour_unaffected(world: World) -> None:
    """Somebody of another organisation works as if nothing had happened."""
    bob = world.neighbour
    if bob is None:
        return
    if not bob.acknowledged:
        session_id = bob.begin("hello")
    else:
        session_id = next(iter(bob.acknowledged.values()))
        bob.send(session_id, "hello")
    done = bob.until_done(session_id)
    assert done["status"] == "COMPLETED", f"I7: the neighbour sees {done['status']}: {done['status_reason']}"


# I8: no secret where errors go


@dataclass
class _Place:
    name: str
    data: bytes


def no_secret_is_told(world: World, clients: list[Client]) -> Iterable[str]:
    secrets = [CANARY, PASSWORD, *(client.token for client in clients)]
    secrets += [path.read_text() for path in (world.server.data_dir / "keys").glob("*") if path.is_file()]
    for place in _places(world):
        for secret in secrets:
            if secret and secret.encode() in place.data:
                yield f"I8: {place.name} tells a secret"


def _places(world: World) -> Iterable[_Place]:
    folder = world.server.data_dir
    for path in [*folder.glob("*.log"), *(folder / "logs").glob("*")]:
        if path.is_file():
            yield _Place(str(path), path.read_bytes())
    kinds = "('agent.notice', 'agent.exited', 'job.status')"
    for kind, text in _ask(world, f"select kind, payload::text from agent_sessions_event where kind in {kinds}"):
        yield _Place(kind, text.encode())
    joined = "agent_sessions_agentsession s join agent_sessions_job j on j.session_id = s.id"
    for reason, error in _ask(world, f"select s.status_reason, j.error from {joined}"):
        yield _Place("a session's state", (reason + error).encode())


CHECKS: tuple[Callable[[World, list[Client]], Iterable[str]], ...] = (
    state_is_true,
    messages_once,
    delivered_once,
    log_is_whole,
    no_orphans,
    vaults_are_sound,
    no_secret_is_told,
)


def _is_deleted(world: World, session_id: str) -> bool:
    rows = _ask(world, "select deleted_at from agent_sessions_agentsession where id = %s", session_id)
    return not rows or rows[0][0] is not None


def _ask(world: World, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return query(world.server, statement, *values)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}
