"""Lines for the CLI's stdin. Each is one JSON object in ASCII, so that no character can end it early."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID


def initialize(request_id: str, *, forward_subagent_text: bool = True) -> bytes:
    """The handshake; sent again at any time, its reply lists the permission requests that still wait."""
    return _control(request_id, "initialize", hooks=None, forwardSubagentText=forward_subagent_text)


def user_message(
    message_id: UUID | str, text: str, images: Sequence[tuple[str, bytes]] = (), client_composed: bool = False
) -> bytes:
    """A prompt, with images as (media type, bytes). The id makes a repetition harmless.

    `client_composed` is for text that no person typed: no slash command and no `@file` in it is carried out.
    """
    shown = [
        {"type": "image", "source": {"type": "base64", "media_type": kind, "data": b64encode(data).decode("ascii")}}
        for kind, data in images
    ]
    line: dict[str, Any] = {
        "type": "user",
        "uuid": str(message_id),
        "message": {"role": "user", "content": [*shown, {"type": "text", "text": text}] if shown else text},
        "parent_tool_use_id": None,
        "session_id": "",
    }
    return _line({**line, "client_composed": True} if client_composed else line)


def interrupt(request_id: str) -> bytes:
    """End the running turn; harmless when there is none."""
    return _control(request_id, "interrupt")


def end_session(request_id: str) -> bytes:
    """End the process."""
    return _control(request_id, "end_session")


def set_permission_mode(request_id: str, mode: str) -> bytes:
    """Change what is asked from now on."""
    return _control(request_id, "set_permission_mode", mode=mode)


def set_model(request_id: str, model: str | None) -> bytes:
    """Change the model from the next step on."""
    return _control(request_id, "set_model", model=model)


def allow_rules(request_id: str, rules: Sequence[str]) -> bytes:
    """Change what needs no permission from now on, as if the process had been started with these rules."""
    return _control(request_id, "apply_flag_settings", settings={"permissions": {"allow": list(rules)}})


def ask_title(request_id: str, description: str) -> bytes:
    """Let the model name the work; the reply has the title."""
    return _control(request_id, "generate_session_title", description=description, persist=False)


def answer_allow(
    request_id: str,
    input: Mapping[str, Any],
    updated_permissions: Sequence[Mapping[str, Any]] = (),
    answers: Mapping[str, str] | None = None,
) -> bytes:
    """Allow a request, with `answers` when it is a question.

    Otherwise the CLI runs the input that it asked about: ours may have been cut and cleaned, so it is not sent.
    Permissions are changed for this process only: elsewhere they would be written into the working tree.
    """
    response: dict[str, Any] = {"behavior": "allow"}
    if answers is not None:
        response["updatedInput"] = {**input, "answers": dict(answers)}
    if updated_permissions:
        kept = [update for update in updated_permissions if _may_be_suggested(update)]
        response["updatedPermissions"] = [{**update, "destination": "session"} for update in kept]
    return _answer(request_id, response)


def _may_be_suggested(update: Mapping[str, Any]) -> bool:
    """What a card shows before it is allowed for good; never the mode that asks for nothing."""
    match update.get("type"):
        case "addRules":
            return update.get("behavior") == "allow"
        case "setMode":
            return update.get("mode") == "acceptEdits"
        case kind:
            return kind == "addDirectories"


def answer_deny(request_id: str, message: str, interrupt: bool = False) -> bytes:
    """Refuse a request; the agent reads the message and goes on, unless the turn is interrupted."""
    return _answer(request_id, {"behavior": "deny", "message": message, **({"interrupt": True} if interrupt else {})})


def answer_error(request_id: str, message: str) -> bytes:
    """The answer to a request that we do not know."""
    response = {"subtype": "error", "request_id": request_id, "error": message}
    return _line({"type": "control_response", "response": response})


def _answer(request_id: str, response: dict[str, Any]) -> bytes:
    answer = {"subtype": "success", "request_id": request_id, "response": response}
    return _line({"type": "control_response", "response": answer})


def _control(request_id: str, subtype: str, **fields: object) -> bytes:
    return _line({"type": "control_request", "request_id": request_id, "request": {"subtype": subtype, **fields}})


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
