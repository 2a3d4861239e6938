"""What the contract tests play with the real CLI; `record.py` plays the same to record its lines."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sessions import claude
from tests.contract.agent import Agent, script

PNG_SIDE = 8


@dataclass(frozen=True)
class Scenario:
    """How the CLI is started, and what is done with it until its turn has ended."""

    play: Callable[[Agent], Awaitable[None]]
    mode: str = "default"
    model: str = "opus"


def bash(command: str) -> dict[str, object]:
    return {"tool": "Bash", "input": {"command": command, "description": "Try it"}}


async def text(agent: Agent) -> None:
    """Thinking and text, streamed."""
    await agent.prompt(
        script([{"thinking": "Let me see."}, {"text": "Grüße: \U0001f600 and a NUL \0 here.", "chunks": 5}])
    )
    await agent.wait(claude.TurnEnded)


async def tools(agent: Agent) -> None:
    """Write, Read, Edit and a failing command, all allowed by a person."""
    file = f"{agent.work}/notes.txt"
    (agent.work / "dot.png").write_bytes(png())
    await agent.prompt(
        script(
            [{"text": "I write."}, {"tool": "Write", "input": {"file_path": file, "content": "one\ntwo\nthree\n"}}],
            [{"tool": "Edit", "input": {"file_path": file, "old_string": "two", "new_string": "2"}}],
            [{"tool": "Read", "input": {"file_path": f"{agent.work}/dot.png"}}],
            [bash("python3 -c 'import sys; print(41); sys.exit(3)'")],
            [{"text": "Done."}],
        )
    )
    for nth in (1, 2, 3):
        asked = await agent.wait(claude.PermissionAsked, nth=nth)
        await agent.send(claude.answer_allow(asked.request_id, asked.input))
    await agent.wait(claude.TurnEnded)


async def deny(agent: Agent) -> None:
    """A command that a person refuses, with a reason."""
    await agent.prompt(script([bash("touch refused.txt")], [{"text": "As you wish."}]))
    asked = await agent.wait(claude.PermissionAsked)
    await agent.send(claude.answer_deny(asked.request_id, "Not on a Friday."))
    await agent.wait(claude.TurnEnded)


async def always(agent: Agent) -> None:
    """An edit allowed for the rest of the session, so that the second is not asked."""
    await agent.prompt(
        script(
            [{"tool": "Write", "input": {"file_path": f"{agent.work}/a.txt", "content": "a\n"}}],
            [{"tool": "Write", "input": {"file_path": f"{agent.work}/b.txt", "content": "b\n"}}],
            [{"text": "Both are there."}],
        )
    )
    asked = await agent.wait(claude.PermissionAsked)
    await agent.send(claude.answer_allow(asked.request_id, asked.input, updated_permissions=asked.suggestions))
    await agent.wait(claude.TurnEnded)


async def sub_agent(agent: Agent) -> None:
    """A sub-agent that speaks, asks for a command and hands back."""
    inner = script([{"text": "I am the sub-agent."}, bash("touch made.txt")], [{"text": "Made it."}])
    wanted = {"description": "Make a file", "prompt": inner, "subagent_type": "general-purpose"}
    call = {**wanted, "run_in_background": False}
    delegate = [{"text": "I delegate."}, {"tool": "Agent", "input": call}]
    await agent.prompt(script(delegate, [{"text": "It is done."}], is_encoded=True))
    asked = await agent.wait(claude.PermissionAsked)
    await agent.send(claude.answer_allow(asked.request_id, asked.input))
    await agent.wait(claude.TurnEnded)


async def question(agent: Agent) -> None:
    """A question with an answer."""
    options = [{"label": "Postgres", "description": "A server"}, {"label": "SQLite", "description": "A file"}]
    asks = {"question": "Which database?", "header": "Database", "options": options, "multiSelect": False}
    await agent.prompt(script([{"tool": "AskUserQuestion", "input": {"questions": [asks]}}], [{"text": "Thank you."}]))
    asked = await agent.wait(claude.PermissionAsked)
    await agent.send(claude.answer_allow(asked.request_id, asked.input, answers={"Which database?": "Postgres"}))
    await agent.wait(claude.TurnEnded)


async def plan(agent: Agent) -> None:
    """A plan that is refused, made again and approved."""
    write = {"tool": "Write", "input": {"file_path": "{{PLANFILE}}", "content": "# Plan\n\n1. Think.\n"}}
    leave: dict[str, object] = {"tool": "ExitPlanMode", "input": {}}
    await agent.prompt(script([write], [leave], [leave], [{"text": "I begin."}]))
    asked = await agent.wait(claude.PermissionAsked)
    await agent.send(claude.answer_deny(asked.request_id, "Think twice."))
    asked = await agent.wait(claude.PermissionAsked, nth=2)
    await agent.send(claude.answer_allow(asked.request_id, asked.input))
    await agent.wait(claude.TurnEnded)


async def interrupted(agent: Agent) -> None:
    """A turn ended in mid-text; the next one works."""
    await agent.prompt(script([{"text": "A long story begins", "chunks": 2}, {"sleep": 300}, {"text": "and ends."}]))
    await agent.wait(claude.Delta, lambda delta: delta.offset > 0)
    await agent.send(claude.interrupt("interrupt-1"))
    await agent.wait(claude.TurnEnded)
    await agent.prompt(script([{"text": "Here again."}]))
    await agent.wait(claude.TurnEnded, nth=2)


async def withdrawn(agent: Agent) -> None:
    """A request that is listed again after a second handshake, and taken back by an interrupt."""
    await agent.prompt(script([bash("touch never.txt")]))
    await agent.wait(claude.PermissionAsked)
    await agent.send(claude.initialize("init-2"))
    await agent.wait(claude.ControlReply, lambda reply: reply.request_id == "init-2")
    await agent.send(claude.interrupt("interrupt-1"))
    await agent.wait(claude.TurnEnded)


def failing(status: int, kind: str) -> Callable[[Agent], Awaitable[None]]:
    """A model call that is answered with an error each time; the turn after it works."""

    async def play(agent: Agent) -> None:
        await agent.prompt(script([{"http": status, "etype": kind, "message": "scripted"}]))
        await agent.wait(claude.TurnEnded)
        await agent.prompt(script([{"text": "Well again."}]))
        await agent.wait(claude.TurnEnded, nth=2)

    return play


async def recovered(agent: Agent) -> None:
    """An error that passes, and a connection that is cut: the CLI tries again by itself."""
    await agent.prompt(script([{"http": 529, "etype": "overloaded_error", "times": 1}, {"text": "Through."}]))
    await agent.wait(claude.TurnEnded)
    await agent.prompt(script([{"text": "Cut here"}, {"drop": True}], [{"text": "and whole again."}]))
    await agent.wait(claude.TurnEnded, nth=2)


async def unknown_model(agent: Agent) -> None:
    """A model that does not exist."""
    await agent.prompt("Hello")
    await agent.wait(claude.TurnEnded)


SCENARIOS = {
    "text": Scenario(text),
    "tools": Scenario(tools),
    "deny": Scenario(deny),
    "always": Scenario(always),
    "sub_agent": Scenario(sub_agent),
    "question": Scenario(question),
    "plan": Scenario(plan, mode="plan"),
    "interrupted": Scenario(interrupted),
    "withdrawn": Scenario(withdrawn),
    "api_401": Scenario(failing(401, "authentication_error")),
    "api_429": Scenario(failing(429, "rate_limit_error")),
    "api_529": Scenario(failing(529, "overloaded_error")),
    "recovered": Scenario(recovered),
    "unknown_model": Scenario(unknown_model, model="claude-nope-9"),
}


def png() -> bytes:
    """A small grey picture."""
    rows = b"".join(b"\0" + b"\x80" * PNG_SIDE for _ in range(PNG_SIDE))
    header = struct.pack(">IIBBBBB", PNG_SIDE, PNG_SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )
