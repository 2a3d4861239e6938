"""Notices: what the CLI tells about itself, in words that say what to do."""

from __future__ import annotations

from typing import Any

from sessions.claude.fields import ident, number, obj, text
from sessions.events import Entry

# First what happened, which is the title of the failure, then what to do.
_ADVICE = {
    400: "The model refused the request. Its answer says why; if this stays so, start a new session.",
    401: "The organisation's key for the model was refused. An admin can change it in the settings, under usage.",
    402: "The organisation's limit for the model is used up. An admin can raise it.",
    403: "The organisation's key may not use this model. Choose another model, or ask an admin for another key.",
    404: "This model is not available. Choose another one beside the message, then send it again.",
    413: "The conversation is too long for the model. Compact it, or start a new session.",
    429: "The model got too many requests. Nothing is lost: wait a minute, then send a message to continue.",
    529: "The model is overloaded. Nothing is lost: wait a minute, then send a message to continue.",
}
_STATUS_OF = {"authentication_failed": 401, "rate_limit": 429, "model_not_found": 404, "invalid_request": 400}
_UNREACHABLE = "The model could not be reached. Nothing is lost: send a message to try again."
_MAX = 20_000
_FAILED = "The model had an error. Nothing is lost: send a message to try again."
_RETRIED = {429: "The model got too many requests.", 529: "The model was overloaded."}


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
    attempt, most = number(line.get("attempt")), number(line.get("max_retries"))
    why = _RETRIED.get(status) or ("The model had an error." if status else "The model could not be reached.")
    going_on = f"Retrying (attempt {attempt} of {most})…"
    return notice("warning", f"{why} {going_on}", f"{status or ''} {text(line.get('error'), 2000)}".strip())


def permission_denied(line: dict[str, Any]) -> Entry:
    """A tool call that the CLI refused without asking."""
    return notice(
        "warning", f"{text(line.get('tool_name'), 200)} was refused without asking.", text(line.get("message"), 2000)
    )


def informational(line: dict[str, Any]) -> Entry:
    """Anything else that the CLI wants a person to know."""
    level = {"warning": "warning", "error": "error"}.get(ident(line.get("level")), "info")
    return notice(level, text(line.get("content")))
