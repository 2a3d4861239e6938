"""Notices: what the CLI tells about itself, in words that say what to do."""

from __future__ import annotations

from typing import Any

from sessions.claude.fields import ident, number, obj, text
from sessions.events import Entry

_ADVICE = {
    400: "The model refused the request; the detail says why. If it stays so, start a new session.",
    401: "The model's key was refused. An administrator should check the organisation's key.",
    402: "The organisation's limit is used up. An administrator can raise it.",
    403: "The model's key has no right to do this. An administrator should check the organisation's key.",
    404: "This model does not exist or the key has no access to it. Choose another model for the session.",
    413: "The conversation is too long for the model. Send /compact, or start a new session.",
    429: "Too many requests at the model's vendor. Wait a minute and send your message again.",
    529: "The model's vendor is overloaded. Wait a few minutes and send your message again.",
}
_STATUS_OF = {"authentication_failed": 401, "rate_limit": 429, "model_not_found": 404, "invalid_request": 400}
_UNREACHABLE = "The model could not be reached. Try again; if it stays so, tell the operator."
_MAX = 20_000
_FAILED = "The model's vendor had an error. Send your message again."


def notice(level: str, said: str, detail: str = "") -> Entry:
    """An entry for people: what happened, and the technical detail."""
    return Entry("agent.notice", {"level": level, "text": text(said, _MAX), "detail": text(detail, _MAX)})


def advice(status: int) -> str:
    """What to do when a model call failed for good; 0 when there was no answer."""
    return _ADVICE.get(status) or (_FAILED if status >= 500 else _ADVICE[400] if status >= 400 else _UNREACHABLE)


def api_error(line: dict[str, Any]) -> Entry:
    """A model call that failed for good: the CLI shows it as if the assistant had said it."""
    content = obj(line.get("message")).get("content")
    said = "\n".join(text(obj(block).get("text")) for block in content) if isinstance(content, list) else text(content)
    kind, status = ident(line.get("error")), number(line.get("api_error_status"))
    if not status:
        status = _STATUS_OF.get(kind, 0)
    return notice("error", advice(status), said)


def api_retry(line: dict[str, Any]) -> Entry:
    """A model call that failed and is tried again."""
    status = number(line.get("error_status"))
    delay_s = number(line.get("retry_delay_ms")) / 1000
    attempt, most = number(line.get("attempt")), number(line.get("max_retries"))
    if status:
        said = f"The model answered {status}; attempt {attempt} of {most} follows in {delay_s:.1f} s."
    else:
        said = f"The model could not be reached; attempt {attempt} of {most} follows in {delay_s:.1f} s."
    return notice("warning", said, text(line.get("error"), 2000))


def permission_denied(line: dict[str, Any]) -> Entry:
    """A tool call that the CLI refused without asking."""
    return notice(
        "warning", f"{text(line.get('tool_name'), 200)} was refused without asking.", text(line.get("message"), 2000)
    )


def informational(line: dict[str, Any]) -> Entry:
    """Anything else that the CLI wants a person to know."""
    level = {"warning": "warning", "error": "error"}.get(ident(line.get("level")), "info")
    return notice(level, text(line.get("content")))
