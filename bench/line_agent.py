"""An agent that speaks the CLI's protocol; what it streams carries the time at which it was written.

It runs inside a sandbox, alone, as the program that sessions start: nothing is imported but the standard library. The
prompt says how many pieces of text to stream; after every few of them comes a line that becomes an event of the log.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

SESSION = "00000000-0000-4000-8000-000000000000"
PAUSE_S = 0.05
PIECES_PER_LINE = 5


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps({**line, "session_id": SESSION}) + "\n")
    sys.stdout.flush()


def stamp() -> str:
    return f"<{time.time():.6f}>"


def prompt(message: dict[str, Any]) -> str:
    content = message["message"]["content"]
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def event(name: str, **fields: Any) -> None:
    say(type="stream_event", parent_tool_use_id=None, uuid=name, event={"type": name, **fields})


def turn(received: dict[str, Any]) -> None:
    message_id = "msg_" + received["uuid"]
    say(type="system", subtype="init", model="bench", permissionMode="default", uuid="i", tools=[])
    event("message_start", message={"id": message_id})
    event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    whole = ""
    for number in range(int(prompt(received))):
        text = stamp()
        whole += text
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        if number % PIECES_PER_LINE == 0:
            say(type="system", subtype="informational", level="notice", content=stamp(), uuid="n")
        time.sleep(PAUSE_S)
    content = [{"type": "text", "text": whole}]
    message = {"id": message_id, "role": "assistant", "content": content}
    say(type="assistant", parent_tool_use_id=None, uuid="a", message=message)
    end(received)


def end(received: dict[str, Any]) -> None:
    outcome: dict[str, Any] = {"subtype": "success", "is_error": False, "result": "", "num_turns": 1, "duration_ms": 1}
    spent: dict[str, Any] = {"total_cost_usd": 0, "usage": {}, "modelUsage": {}}
    say(type="result", user_message_uuids=[received["uuid"]], uuid="r", **outcome, **spent)


def answer(received: dict[str, Any]) -> None:
    body = {"session_state": "idle"}
    reply = {"subtype": "success", "request_id": received["request_id"], "response": body}
    say(type="control_response", response={**reply, "pending_permission_requests": []})


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "control_request":
            answer(message)
        elif message["type"] == "user":
            turn(message)
