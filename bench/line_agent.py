#!/usr/bin/env python3
"""An agent that speaks the CLI's protocol and streams text deltas which carry the time they were written."""

import json
import os
import sys
import time

DELTAS, PAUSE_S = int(os.environ.get("BENCH_DELTAS", "100")), 0.05
SESSION = "00000000-0000-4000-8000-000000000000"


def say(**line):
    sys.stdout.write(json.dumps({**line, "session_id": SESSION}) + "\n")
    sys.stdout.flush()


def turn(message):
    say(type="system", subtype="init", model="bench", permissionMode="default", uuid="i", tools=[])
    say(type="stream_event", parent_tool_use_id=None, uuid="s", event={"type": "message_start", "message": {"id": "msg_1"}})
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    say(type="stream_event", parent_tool_use_id=None, uuid="b", event=block)
    whole = ""
    for _ in range(DELTAS):
        text = f"<{time.time():.6f}>"
        whole += text
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        say(type="stream_event", parent_tool_use_id=None, uuid="d", event=delta)
        # One whole line too: it becomes an event of the log, while deltas are transient.
        say(type="system", subtype="informational", level="notice", content=f"<{time.time():.6f}>", uuid="n")
        time.sleep(PAUSE_S)
    content = [{"type": "text", "text": whole}]
    say(type="assistant", parent_tool_use_id=None, uuid="a", message={"id": "msg_1", "role": "assistant", "content": content})
    say(
        type="result",
        subtype="success",
        is_error=False,
        result="",
        num_turns=1,
        duration_ms=1,
        total_cost_usd=0,
        usage={},
        modelUsage={},
        user_message_uuids=[message["uuid"]],
        uuid="r",
    )


for line in sys.stdin:
    received = json.loads(line)
    if received["type"] == "control_request":
        answer = {"session_state": "idle"}
        reply = {"subtype": "success", "request_id": received["request_id"], "response": answer}
        say(type="control_response", response={**reply, "pending_permission_requests": []})
    elif received["type"] == "user":
        turn(received)
