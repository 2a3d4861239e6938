"""A request of the Messages API as the practice model reads it: the newest prompt and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

_NOT_A_PROMPT = ("<system-reminder>", "[Request interrupted by user", "<local-command", "<command-name>")
_PLANS = "/.claude/plans/"
_PLAN_HOME = re.compile(r"/[^\s\"'`\\]*$")
_PLAN_NAME = re.compile(r"[\w.-]{1,200}\.md")
_CWD = re.compile(r"working directory: (\S[^\n]{0,4096})")
_PLAN_BEGINS = ("Plan mode is active", "Plan mode still active", "## Re-entering Plan Mode", "Entered plan mode")
_PLAN_ENDS = ("## Exited Plan Mode", "User has approved your plan")


class BadRequest(Exception):
    """The request is not one that the Messages API would take."""


@dataclass(frozen=True)
class Outcome:
    """A tool call that was made and what the tool said."""

    tool: str
    input: dict[str, Any]
    text: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Conversation:
    """The messages so far, and where in them the newest prompt of a person stands."""

    messages: list[dict[str, Any]]
    start: int
    prompt: str
    tools: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def rounds(self) -> list[list[Outcome]]:
        """For each answer given since the prompt, the tool calls that it made."""
        results = {
            block.get("tool_use_id"): block for message in self.messages[self.start :] for block in blocks(message)
        }
        return [
            [
                _outcome(block, results.get(block.get("id"), {}))
                for block in blocks(message)
                if block.get("type") == "tool_use"
            ]
            for message in self.messages[self.start :]
            if message.get("role") == "assistant"
        ]

    @cached_property
    def is_first(self) -> bool:
        """Whether nothing has been answered before this prompt."""
        return not any(message.get("role") == "assistant" for message in self.messages[: self.start])

    @cached_property
    def earlier_writes(self) -> frozenset[str]:
        """Names of the files written before this prompt."""
        calls = (block for message in self.messages[: self.start] for block in blocks(message))
        paths = (_dict(call.get("input")).get("file_path") for call in calls if call.get("name") == "Write")
        return frozenset(path.rpartition("/")[2] for path in paths if isinstance(path, str))

    @cached_property
    def is_planning(self) -> bool:
        """Whether plan mode was on when the prompt came."""
        planning = False
        for text in self._harness_texts(until_answer=True):
            begins = max(text.rfind(words) for words in _PLAN_BEGINS)
            ends = max(text.rfind(words) for words in _PLAN_ENDS)
            planning = begins > ends if begins != ends else planning
        return planning

    @cached_property
    def plan_file(self) -> str:
        """Where the CLI wants the plan to be written; empty when it has not said."""
        found = [path for text in self._harness_texts() if (path := _last_plan_file(text))]
        return found[-1] if found else ""

    @cached_property
    def cwd(self) -> str:
        """The folder that the agent works in; empty when the CLI has not said."""
        found = [match.group(1) for text in self._harness_texts() if (match := _CWD.search(text))]
        return found[0].strip() if found else ""

    def _harness_texts(self, *, until_answer: bool = False) -> Iterator[str]:
        """What the CLI itself, not a person, put into the conversation, in order."""
        for index, message in enumerate(self.messages):
            if until_answer and index > self.start and message.get("role") == "assistant":
                return
            for block in blocks(message):
                text = block_text(block)
                if (
                    message.get("role") == "system"
                    or block.get("type") == "tool_result"
                    or text.startswith("<system-reminder>")
                ):
                    yield text


def read(body: dict[str, Any]) -> Conversation:
    """Find the newest prompt in a request; raises `BadRequest` when it has no messages."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise BadRequest("messages: at least one message is required")
    start, prompt = 0, ""
    for index, message in enumerate(messages):
        if message.get("role") == "user" and (text := prompt_text(message)):
            start, prompt = index, text
    tools = body.get("tools")
    names = (tool.get("name") for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()
    return Conversation(messages, start, prompt, frozenset(name for name in names if isinstance(name, str)))


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The content blocks of a message, whichever way they were written."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def block_text(block: dict[str, Any]) -> str:
    """The text of a block, or of a tool result."""
    for key in ("text", "content"):
        value = block.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "\n".join(
                block_text(item) for item in value if isinstance(item, dict) and item.get("type") == "text"
            )
    return ""


def prompt_text(message: dict[str, Any]) -> str:
    """What a person said in a user message: its text blocks without those that the CLI adds."""
    texts = (block_text(block) for block in blocks(message) if block.get("type") == "text")
    return "\n".join(text for text in texts if text.strip() and not text.startswith(_NOT_A_PROMPT)).strip()


def _last_plan_file(text: str) -> str:
    """Searched from the fixed middle outwards, so that hostile text costs no more than its length."""
    middle = text.rfind(_PLANS)
    home = _PLAN_HOME.search(text[max(0, middle - 512) : middle]) if middle >= 0 else None
    name = _PLAN_NAME.match(text, middle + len(_PLANS))
    return f"{home.group()}{_PLANS}{name.group()}" if home and name else ""


def _outcome(call: dict[str, Any], result: dict[str, Any]) -> Outcome:
    name = call.get("name")
    return Outcome(
        name if isinstance(name, str) else "",
        _dict(call.get("input")),
        block_text(result),
        result.get("is_error") is True,
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
