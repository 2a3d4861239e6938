#!/usr/bin/env python3
"""An agent that writes what no agent should: enormous lines, garbage, half lines; it notes what it got."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

SESSION = "00000000-0000-4000-8000-000000000000"


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps({**line, "session_id": SESSION}) + "\n")
    sys.stdout.flush()


def raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def said(text: str, number: int) -> None:
    content = [{"type": "text", "text": text}]
    say(
        type="assistant",
        parent_tool_use_id=None,
        uuid="a",
        message={"id": f"msg_{uuid.uuid4().hex}_{number}", "content": content},
    )


def tool_result(size: int) -> None:
    """One line of `size` bytes."""
    content = [{"type": "tool_result", "tool_use_id": f"call_{uuid.uuid4().hex}", "content": "x" * size}]
    say(type="user", parent_tool_use_id=None, uuid="u", message={"role": "user", "content": content})


def act(name: str, number: int) -> None:
    if name.startswith("line "):
        tool_result(int(name.removeprefix("line ")))
    elif name == "garbage":
        raw(
            bytes(range(256)).replace(b"\n", b"") * 40
            + b"\n\x00\x00\n{\n[]\n"
            + b'{"type": 5}\n"\\ud800"\n{"type": "\\u0000"}\n'
        )
        raw(b"[" * 100_000 + b"\n")
    elif name == "unknown":
        say(type="from_the_future", payload={"deep": [[[[1]]]]})
        say(type="system", subtype="from_the_future")
        say(type="assistant", message=None)
        say(type="user", message={"content": 5})
        say(type="stream_event", event={"type": "content_block_delta", "index": "x", "delta": 7})
        say(type="control_request", request_id="odd", request={"subtype": "from_the_future"})
    elif name == "text":
        hostile = "nul \\u0000, half \\ud800, ansi \\u001b[31mred\\u001b[0m, bell \\u0007, right to left \\u202e, end"
        content = b'[{"type": "text", "text": "%s"}]' % hostile.encode()
        message = b'{"id": "msg_hostile_%s", "content": %s}' % (uuid.uuid4().hex.encode(), content)
        raw(b'{"type": "assistant", "parent_tool_use_id": null, "uuid": "h", "message": %s}\n' % message)
    elif name == "bytes":
        content = b'[{"type": "text", "text": "\xff\xfe\x80"}]'
        raw(b'{"type": "assistant", "message": {"id": "msg_bytes", "content": %s}}\n' % content)
        raw(b"\xff\xfe\x00\x01\n\x1b]0;title\x07\x1b[2J\n\r\n\r")
        raw(b"\n")
    elif name == "stderr":
        for part in range(200):
            os.write(2, b"warning %d \xff\x1b[31m\n" % part)
            os.write(1, b"\n" if part % 2 else b"noise between the lines\n")
    elif name == "version":
        say(
            type="system",
            subtype="init",
            claude_code_version="99.0.0",
            model=["new"],
            tools={"all": 1},
            mcp_servers=None,
        )
        say(type="assistant", parent_tool_use_id=None, message={"id": 7, "content": {"text": "no list"}})
        say(type="result2", subtype="success")
    elif name == "half":
        raw(b'{"type": "assistant", "message": {"id": "msg_half", "content": [{"type": "text", "text": "never')
        os._exit(3)
    else:
        said(name, number)


def turn(message: dict[str, Any]) -> None:
    say(type="system", subtype="init", model="fake", permissionMode="default", uuid="i", tools=[])
    content = message["message"]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    for number, name in enumerate(text.split(", ")):
        act(name, number)
    ending = {"subtype": "success", "is_error": False, "result": "", "num_turns": 1, "duration_ms": 1, "usage": {}}
    say(type="result", **ending, total_cost_usd=0, user_message_uuids=[message["uuid"]], uuid="r")


def note(line: str) -> None:
    with (Path.home() / "received.jsonl").open("a") as file:
        file.write(line)


def main() -> None:
    for line in sys.stdin:
        received = json.loads(line)
        if received["type"] == "control_request":
            reply = {"subtype": "success", "request_id": received["request_id"], "response": {}}
            say(type="control_response", response={**reply, "pending_permission_requests": []})
        elif received["type"] == "user":
            note(line)
            turn(received)


if __name__ == "__main__":
    main()
