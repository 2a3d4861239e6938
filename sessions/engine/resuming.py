"""How an agent takes its conversation up again: from its own record, mended if need be, or else from our log."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.utils import timezone

from sandbox import GuestClient, Paths
from sandbox.answers import AgentStatus
from sessions import claude, log, queries
from sessions.engine import records
from sessions.engine.claims import Lease
from sessions.engine.turns import locked_session
from sessions.events import Entry
from sessions.models import AgentSession, Message
from sessions.storable import clean

logger = structlog.get_logger(__name__)

LOOKED_AT = 2000  # events
MAX_CONTEXT = 60_000  # bytes; an argument of a program has at most 128 KiB
MAX_ENTRY = 4000  # characters
REFUSAL = "No conversation found"

MENDED = (
    "The agent's record of this conversation was damaged when it was killed. It was mended; the agent goes on with it."
)
RETOLD = (
    "The agent's own record of this conversation was lost. It goes on in a new one, and was told what the log has "
    "of the conversation so far."
)
INTRODUCTION = (
    "This conversation began before, but your own record of it was lost. What follows is what the log has of it, "
    "oldest first. The working tree is as it was left. Go on from here; do not repeat what is done."
)
SHORTENED = "(Earlier parts were left out.)"


@dataclass(frozen=True)
class Conversation:
    """What a new process goes on with; `context` is told to one that begins anew."""

    id: uuid.UUID
    is_resumed: bool
    context: str = ""
    notice: Entry | None = None


async def find(lease: Lease, guest: GuestClient, paths: Paths, *, is_refused: bool = False) -> Conversation:
    """The session's conversation; `is_refused` when the agent would not take up the record that is there."""
    known = lease.claude_session_id
    if known is None:
        return Conversation(uuid.uuid4(), is_resumed=False)
    path = claude.transcript_path(paths.home, paths.work, known)
    found = await guest.check_transcript(path)
    if found.state == "missing" and await records.bring(lease.session_id, known, guest, paths):
        found = await guest.check_transcript(path)
    if found.state != "missing":
        await in_db(records.forget)(lease.session_id)
    if not is_refused and found.state == "sound":
        return Conversation(known, is_resumed=True)
    if not is_refused and found.state == "repaired":
        logger.warning("conversation_mended", session_id=str(lease.session_id), lost=found.lost)
        # Where nothing is lost there is nothing to tell: an agent that was asked to leave may end within its own notes.
        notice = _notice("info", MENDED, f"{found.lost} entries were lost.") if found.lost else None
        return Conversation(known, is_resumed=True, notice=notice)
    # An id is never used twice: the agent refuses one of which it finds any trace.
    new = uuid.uuid4()
    context = await in_db(retell)(lease.session_id, but=getattr(lease, "message_id", None))
    if not context:
        return Conversation(new, is_resumed=False)
    logger.warning("conversation_retold", session_id=str(lease.session_id), is_refused=is_refused)
    return Conversation(new, is_resumed=False, context=context, notice=_notice("warning", RETOLD, ""))


def was_refused(status: AgentStatus) -> bool:
    """Whether the process ended at once because it did not know the conversation."""
    return not status.is_alive and status.exit_code == 1 and REFUSAL in status.stderr_tail


@transaction.atomic
def tell(lease: Lease, entry: Entry) -> None:
    """Show in the log what the agent goes on with. Raises: StaleEpoch."""
    log.append(locked_session(lease), [entry], job_id=lease.job_id, now=timezone.now())


def retell(session_id: uuid.UUID, *, but: uuid.UUID | None = None) -> str:
    """What was said in the session, for an agent that remembers nothing of it; empty when it had not answered yet.

    `but` is the message that it is about to get; so are those that wait.
    """
    untold = set(Message.objects.filter(session_id=session_id, delivered_at=None).values_list("pk", flat=True))
    left_out = {str(id) for id in (*untold, but)}
    last = AgentSession.objects.values_list("last_seq", flat=True).get(pk=session_id)
    spoken: list[str] = []
    has_answered = False
    for event in queries.events_after(session_id, max(last - LOOKED_AT, 0), LOOKED_AT):
        if event["payload"].get("message_id") in left_out:
            continue
        line = _line(event["kind"], event["payload"])
        if line == CLEARED:
            spoken, has_answered = [], False
        elif line:
            spoken.append(_indented(line))
            has_answered |= event["kind"] != "message.user"
    if not has_answered:
        return ""
    return str(clean("\n\n".join([INTRODUCTION, *_newest(spoken)])))


CLEARED = "\0"


def _line(kind: str, payload: dict[str, Any]) -> str:
    match kind:
        case "message.user":
            text = payload["text"].strip()
            return CLEARED if text == "/clear" else f"User: {_short(text)}"
        case "assistant.text" if payload["parent"] is None:
            return f"You: {_short(payload['text'])}"
        case "tool.call" if payload["parent"] is None:
            return f"You used {payload['name']}: {_short(str(payload['input']), 300)}"
    return ""


def _indented(line: str) -> str:
    """Who speaks is told at the beginning of a line, by us alone: an agent may have said `User: …`."""
    return "\n    ".join(line.splitlines())


def _newest(lines: Iterable[str]) -> list[str]:
    """As many as there is room for, from the end."""
    kept: list[str] = []
    room = MAX_CONTEXT
    for line in reversed(list(lines)):
        room -= len(line.encode()) + 2
        if room < 0:
            return [SHORTENED, *reversed(kept)]
        kept.append(line)
    return list(reversed(kept))


def _short(text: str, limit: int = MAX_ENTRY) -> str:
    return text if len(text) <= limit else text[:limit] + " …"


def _notice(level: str, text: str, detail: str) -> Entry:
    return Entry("agent.notice", {"level": level, "text": text, "detail": detail})
