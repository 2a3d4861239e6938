"""A log as Markdown, event by event: what people and the agent said, what it did and what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, ngettext

from sessions.log.tool_words import verb
from sessions.models import JobStatus

Event = dict[str, Any]  # as `events.serialize` gives it
SUB_AGENTS = ("Agent", "Task")
# What names a call best, the first that there is.
TARGETS = ("command", "file_path", "notebook_path", "pattern", "url", "query", "description", "path", "subject")
ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
_TICKS = re.compile(r"`+")


def fenced(text: str, language: str = "") -> str:
    """A block that nothing in the text can end."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


@dataclass
class Writer:
    """Takes the events in order. It holds messages that wait and calls that are not answered, and nothing else."""

    _waiting: dict[str, Event] = field(default_factory=dict)  # messages by the job that they wait for
    _calls: dict[str, Event] = field(default_factory=dict)

    def take(self, event: Event) -> Iterator[str]:
        """The blocks that the event makes."""
        write = _WRITERS.get(event["kind"])
        if write is not None:
            yield from (block for block in write(self, event) if block.strip())

    def end(self) -> Iterator[str]:
        """What was still open."""
        for call in self._calls.values():
            yield _placed(call, f"{_head(call['payload'])} ({gettext('not finished')})")
        self._calls.clear()
        for message in self._waiting.values():
            yield from _said(message)
        self._waiting.clear()

    def _message(self, event: Event) -> Iterator[str]:
        job = event["payload"]["job_id"]
        if job:
            self._waiting[job] = event  # it takes its place when its turn begins
        else:
            yield from _said(event)

    def _edited(self, event: Event) -> Iterator[str]:
        for message in self._waiting.values():
            if message["payload"]["message_id"] == event["payload"]["message_id"]:
                message["payload"] = {**message["payload"], "text": event["payload"]["text"]}
        return iter(())

    def _job(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        if payload["status"] == JobStatus.PENDING:
            return
        message = self._waiting.pop(payload["job_id"], None)
        if message is not None and payload["status"] != JobStatus.CANCELLED:
            yield from _said(message)
        if payload["status"] == JobStatus.FAILED and payload["error"]:
            yield quoted(gettext("The turn failed: {error}").format(error=payload["error"]))
        if payload["status"] in ENDED:
            for call in self._calls.values():
                yield _placed(call, f"{_head(call['payload'])} ({gettext('not finished')})")
            self._calls.clear()

    def _text(self, event: Event) -> Iterator[str]:
        yield _placed(event, event["payload"]["text"])

    def _thought(self, event: Event) -> Iterator[str]:
        yield _placed(event, quoted(f"*{gettext('Thought')}*\n\n{event['payload']['text']}"))

    def _call(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        if payload["name"] in SUB_AGENTS:
            yield _placed(event, f"{_head(payload)}\n\n{quoted(_text_of(payload['input'].get('prompt')))}")
        else:
            self._calls[payload["call_id"]] = event

    def _result(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        call = self._calls.pop(payload["call_id"], None)
        head = _head(call["payload"]) if call else ""
        if payload["is_error"]:
            how = gettext("interrupted") if payload.get("is_interrupted") else gettext("failed")
            head = f"{head} ({how})".strip()
        given = _given(call["payload"], payload) if call else ""
        answer = payload["text"] if call is None or not payload.get("patch") else ""
        parts = [head, given, fenced(answer) if answer.strip() else ""]
        if images := len(payload["images"]):
            parts.append(f"*{ngettext('{count} image', '{count} images', images).format(count=images)}*")
        yield _placed(event, "\n\n".join(part for part in parts if part))

    def _decided(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        words = {"ALLOWED": gettext("Allowed"), "DENIED": gettext("Denied")}.get(payload["status"])
        if words is None:
            return
        by = (payload["by"] or {}).get("name")
        said = gettext("{what} by {name}").format(what=words, name=by) if by else words
        yield quoted(f"{said}: {payload['reason']}" if payload["reason"] else said)

    def _notice(self, event: Event) -> Iterator[str]:
        detail = event["payload"]["detail"]
        shown = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False, indent=2)
        yield quoted(event["payload"]["text"]) + (f"\n\n{fenced(shown)}" if detail else "")

    def _raw(self, event: Event) -> Iterator[str]:
        yield fenced(event["payload"]["text"])

    def _exited(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        if payload["exit_code"] != 0:
            code, signal = payload["exit_code"], payload["signal"]
            how = gettext("signal {n}").format(n=signal) if signal else gettext("exit code {n}").format(n=code)
            told = quoted(gettext("The agent stopped unexpectedly ({how}).").format(how=how))
            yield told + (f"\n\n{fenced(payload['stderr'])}" if payload["stderr"] else "")

    def _turn(self, event: Event) -> Iterator[str]:
        payload = event["payload"]
        tokens = sum(payload.get(name) or 0 for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens"))
        tokens += payload["output_tokens"]
        facts = [f"{payload['duration_ms'] / 1000:.1f} s", gettext("{n} tokens").format(n=f"{tokens:,}")]
        facts += [f"${payload['cost_usd']}"] if payload["cost_usd"] not in ("", "0") else []
        yield f"*{' · '.join(facts)}*\n\n---"

    def _compacted(self, event: Event) -> Iterator[str]:
        yield f"*{gettext('The conversation was shortened here.')}*"

    def _restored(self, event: Event) -> Iterator[str]:
        if not event["payload"]["error"]:
            yield f"*{gettext('Files were restored to an earlier state.')}*"


_WRITERS = {
    "message.user": Writer._message,
    "message.edited": Writer._edited,
    "job.status": Writer._job,
    "assistant.text": Writer._text,
    "assistant.thinking": Writer._thought,
    "tool.call": Writer._call,
    "tool.result": Writer._result,
    "permission.resolved": Writer._decided,
    "agent.notice": Writer._notice,
    "agent.raw": Writer._raw,
    "agent.exited": Writer._exited,
    "turn.completed": Writer._turn,
    "context.compacted": Writer._compacted,
    "tree.restored": Writer._restored,
}


def _said(event: Event) -> Iterator[str]:
    payload = event["payload"]
    name = (payload["author"] or {}).get("name") or gettext("Someone")
    images = len(payload["attachments"])
    yield f"### {_one_line(name)} · {event['created_at']}\n\n{payload['text']}"
    if images:
        yield f"*{ngettext('{count} image', '{count} images', images).format(count=images)}*"


def _placed(event: Event, text: str) -> str:
    """What a sub-agent says and does stands within its call."""
    return quoted(text) if event["payload"].get("parent") else text


def _head(payload: dict[str, Any]) -> str:
    """The call in a line: what its tool does, and what it is about."""
    given = payload["input"] if isinstance(payload["input"], dict) else {}
    target = next((text for name in TARGETS if (text := _one_line(_text_of(given.get(name))))), "")
    name = _one_line(verb(payload["name"])).replace("*", "")
    return f"**{name}**" + (f" `{target.replace('`', chr(39))}`" if target else "")


def _given(call: dict[str, Any], result: dict[str, Any]) -> str:
    """What the call was given, or has changed, beyond what its line says."""
    given = call["input"] if isinstance(call["input"], dict) else {}
    if isinstance(result.get("patch"), list) and not result["is_error"]:
        lines = [line for hunk in result["patch"] if isinstance(hunk, dict) for line in _lines_of(hunk)]
        return fenced("\n".join(lines), "diff")
    command = _text_of(given.get("command"))
    if call["name"] == "Bash" and "\n" in command:
        return fenced(command, "sh")
    content = _text_of(given.get("content"))
    return fenced(content) if call["name"] == "Write" and content else ""


def _lines_of(hunk: dict[str, Any]) -> Sequence[str]:
    lines = hunk.get("lines")
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _one_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]
