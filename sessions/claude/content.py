"""Lines of the conversation as entries: what the assistant said and did, and what came of its tool calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sessions.claude import notices
from sessions.claude.fields import MAX_PAYLOAD_BYTES, capped, ident, items, number, obj, text
from sessions.claude.outputs import ContextMeasured, ModelChosen, Output
from sessions.claude.state import ReaderState
from sessions.claude.streams import Reduced, place_block
from sessions.events import Entry

_MAX_TEXT = MAX_PAYLOAD_BYTES - 4096  # room for the other fields
_MAX_IMAGES_BYTES = 180_000
_MAX_PATCH_BYTES = 100_000
_CONTEXT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_INTERRUPTED = "[Request interrupted by user"
_STOPPED = "The user doesn't want to "  # what becomes of a call under which its turn is interrupted (CLI 2.1.329)
_COMMAND_OUTPUT = "<local-command-stdout>"


def assistant(state: ReaderState, line: dict[str, Any]) -> Reduced:
    """One line a content block, all with the id of the same message."""
    message, parent = obj(line.get("message")), ident(line.get("parent_tool_use_id"))
    state = state.with_agent(ident(line.get("agent_id")), parent)
    if line.get("is_api_error_message") is True or line.get("isApiErrorMessage") is True:
        return state, [notices.api_error(line)]
    if message.get("model") == "<synthetic>":
        told: list[Output] = [notices.notice("info", said) for said in _texts(message.get("content"))]
        return state, [*told, *_chosen(obj(line.get("local_command_run")))]
    state, outputs = (state, []) if parent else _measured(state, obj(message.get("usage")))
    for block in items(message.get("content")):
        kind, message_id = ident(block.get("type")), ident(message.get("id"))
        state, index = place_block(state, parent, message_id, kind)
        outputs += _block(block, kind, f"{message_id}:{index}", parent or None)
    return state, outputs


def _chosen(ran: dict[str, Any]) -> list[Output]:
    """A slash command that chose another model; whether there is such a model is not known here."""
    model = text(ran.get("args"), 100).strip()
    return [ModelChosen(model)] if ran.get("command") == "model" and model else []


def user(state: ReaderState, line: dict[str, Any]) -> Reduced:
    """Results of tools; of texts, only those that no person wrote are of interest."""
    parent = ident(line.get("parent_tool_use_id"))
    state = state.with_agent(ident(line.get("agent_id")), parent)
    if line.get("isReplay") is True:
        return state, []
    content = obj(line.get("message")).get("content")
    results = [block for block in items(content) if block.get("type") == "tool_result"]
    hunks = _hunks(line.get("tool_use_result")) if len(results) == 1 else None
    outputs: list[Output] = [_result(block, hunks, parent or None) for block in results]
    if not parent and line.get("isSynthetic") is not True:
        outputs += _told(content)
    return state, outputs


def compacted(state: ReaderState, line: dict[str, Any]) -> Reduced:
    """The conversation was summed up to make room."""
    data = obj(line.get("compact_metadata"))
    after = number(data.get("post_tokens"))
    told = {
        "trigger": "manual" if data.get("trigger") == "manual" else "auto",
        "tokens_before": number(data.get("pre_tokens")),
        "tokens_after": after,
    }
    state = replace(state, context_tokens=after or state.context_tokens)
    return state, [Entry("context.compacted", told), ContextMeasured(state.context_tokens, state.context_window)]


def _measured(state: ReaderState, usage: dict[str, Any]) -> Reduced:
    """What the model was given for its newest answer is what its context holds."""
    tokens = sum(number(usage.get(name)) for name in _CONTEXT)
    if not tokens or tokens == state.context_tokens:
        return state, []
    return replace(state, context_tokens=tokens), [ContextMeasured(tokens, state.context_window)]


def _block(block: dict[str, Any], kind: str, name: str, parent: str | None) -> list[Output]:
    if kind in ("text", "thinking"):
        said, is_truncated = _cut(block.get(kind))
        return (
            [_entry(f"assistant.{kind}", {"block": name, "parent": parent, "text": said}, is_truncated)] if said else []
        )
    if kind in ("tool_use", "server_tool_use"):
        arguments, is_truncated = capped(obj(block.get("input")), _MAX_TEXT)
        call = {"call_id": ident(block.get("id")), "parent": parent, "name": text(block.get("name"), 200)}
        return [_entry("tool.call", {**call, "input": arguments}, is_truncated)]
    return []


def _result(block: dict[str, Any], hunks: list[dict[str, Any]] | None, parent: str | None) -> Entry:
    content = block.get("content")
    images, has_dropped = _images(content)
    patch, has_cut = capped(hunks, _MAX_PATCH_BYTES) if hunks else (None, False)
    spent = sum(len(image["data"] or "") for image in images) + (_MAX_PATCH_BYTES if patch else 0)
    said, is_truncated = _cut(content if isinstance(content, str) else "\n".join(_texts(content)), _MAX_TEXT - spent)
    payload = {
        "call_id": ident(block.get("tool_use_id")),
        "parent": parent,
        "is_error": block.get("is_error") is True,
        "text": said,
        "is_truncated": is_truncated or has_dropped or has_cut,
        "is_interrupted": block.get("is_error") is True and said.startswith(_STOPPED),
        "images": images,
        "patch": None if has_cut else patch,
    }
    return Entry("tool.result", payload)


def _images(content: object) -> tuple[list[dict[str, Any]], bool]:
    """Base64 images while there is room; of the others only the type, with `data` null."""
    images, left, has_dropped = [], _MAX_IMAGES_BYTES // 2, False
    for block in items(content):
        source = obj(block.get("source"))
        if block.get("type") != "image" or source.get("type") != "base64":
            continue
        data = source.get("data")
        fits = isinstance(data, str) and len(data) <= left
        images.append({"media_type": text(source.get("media_type"), 100), "data": text(data) if fits else None})
        left -= len(data) if fits and isinstance(data, str) else 0
        has_dropped = has_dropped or not fits
    return images[:20], has_dropped or len(images) > 20


def _hunks(result: object) -> list[dict[str, Any]] | None:
    """What the CLI says that an edit changed."""
    names = {"old_start": "oldStart", "old_lines": "oldLines", "new_start": "newStart", "new_lines": "newLines"}
    hunks = [
        {**{name: number(hunk.get(theirs)) for name, theirs in names.items()}, "lines": _strings(hunk.get("lines"))}
        for hunk in items(obj(result).get("structuredPatch"))
    ]
    return hunks or None


def _told(content: object) -> list[Output]:
    """Texts in a user line that the CLI wrote: interruptions, and the output of slash commands."""
    outputs: list[Output] = []
    for said in [content] if isinstance(content, str) else _texts(content):
        if said.startswith(_INTERRUPTED):
            outputs.append(notices.notice("info", "The turn was interrupted."))
        elif said.startswith(_COMMAND_OUTPUT):
            outputs.append(
                notices.notice("info", said.removeprefix(_COMMAND_OUTPUT).partition("</local-command-stdout>")[0])
            )
    return outputs


def _texts(content: object) -> list[str]:
    return [
        block["text"] for block in items(content) if block.get("type") == "text" and isinstance(block.get("text"), str)
    ]


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _cut(value: object, limit: int = _MAX_TEXT) -> tuple[str, bool]:
    kept = text(value, limit)
    return kept, isinstance(value, str) and len(kept) < len(value)


def _entry(kind: str, payload: dict[str, Any], is_truncated: bool) -> Entry:
    return Entry(kind, {**payload, "is_truncated": True} if is_truncated else payload)
