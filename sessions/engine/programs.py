"""The agent's program as a sandbox sees it: the one that its environment names, else ours, shown or found there."""

from __future__ import annotations

import uuid

from channels.db import database_sync_to_async as in_db

from sandbox import Sandbox
from sandbox.errors import SandboxError
from sessions.engine import cli
from sessions.engine.whereabouts import environment_now

NAME = "claude"
# The first of these names that can be run; `~` is the home of the account that all runs as, not the session's.
PROBE = """for name; do
case $name in "~/"*) name=$(getent passwd "$(id -u)" | cut -d: -f6)/${name#"~/"};; esac
found=$(command -v "$name") && [ -x "$found" ] && printf %s "$found" && exit 0
done; exit 1"""


class ProgramMissing(SandboxError):
    """The agent's program is not in the sandbox."""


async def program_in(sandbox: Sandbox, session_id: uuid.UUID) -> str:
    """The path of the program inside.

    Raises: ProgramMissing; CliMissing (it is to be shown inside, and not installed here).
    """
    configured = await in_db(_configured)(session_id)
    if sandbox.capabilities.can_mount and not configured:
        return str(cli.find_cli())
    names = [configured] if configured else [*_here(), NAME]
    probe = await sandbox.guest.run(["/bin/sh", "-c", PROBE, "sh", *names])
    found = probe.stdout.decode("utf-8", "replace")
    if probe.exit_code != 0 or not found.startswith("/"):
        raise ProgramMissing(_missing(configured))
    return found


def _configured(session_id: uuid.UUID) -> str:
    """What the environment says; empty when it says nothing."""
    environment = environment_now(session_id)
    return str(environment.config.get("agent_path", "")) if environment else ""


def _here() -> list[str]:
    """The path it has here: right in a sandbox that sees this machine's files."""
    try:
        return [str(cli.find_cli())]
    except cli.CliMissing:
        return []


def _missing(configured: str) -> str:
    where = f"at {configured}" if configured else "on the PATH"
    return (
        f"There is no Claude Code program {where} in this environment. Install it there "
        "(`npm install -g @anthropic-ai/claude-code`), or correct the program's path in the environment's settings."
    )
