"""Record what the real CLI writes in each scenario, for the reader's tests: `python -m tests.contract.record [name…]`.

Paths of this machine become those of a sandbox, and long lists that nothing reads are left out. Look at the difference
of the golden files before committing it: they are what the reader made of the lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import django

CAPTURES = Path(__file__).resolve().parent.parent / "sessions" / "captures"
_KEPT_OF_INIT = ("type", "subtype", "cwd", "session_id", "model", "permissionMode", "claude_code_version", "uuid")


async def record(name: str) -> None:
    from tests.contract import agent, scenarios, server
    from tests.sessions import golden

    scenario = scenarios.SCENARIOS[name]
    async with server.serving() as api, agent.running(url=api.url, mode=scenario.mode, model=scenario.model) as cli:
        await scenario.play(cli)
        paths = {str(cli.work): "/workspace", str(cli.home): "/home/agent", str(cli.work.parent): "/tmp"}
        slugs = {path.replace("/", "-"): place.replace("/", "-") for path, place in paths.items()}
        lines = [_neutral(json.loads(line), {**paths, **slugs}) for line in cli.lines]
    (CAPTURES / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    golden.path(name).write_text(golden.shown(golden.outputs_of(name)))


def _neutral(message: dict[str, Any], paths: dict[str, str]) -> str:
    if message.get("subtype") == "init":
        message = {key: message[key] for key in _KEPT_OF_INIT if key in message}
    if message.get("type") == "control_response" and "commands" in (message["response"].get("response") or {}):
        message["response"]["response"] = {"session_state": message["response"]["response"].get("session_state")}
    line = json.dumps(message, separators=(",", ":"))
    for path, place in paths.items():
        line = line.replace(path, place)
    return line


async def main(names: list[str]) -> None:
    for name in names:
        await record(name)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.contract.scenarios import SCENARIOS

    asyncio.run(main(sys.argv[1:] or list(SCENARIOS)))
