"""How the CLI is started: arguments and environment."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from uuid import UUID

GATEWAY_PREFIX = "/gateway/anthropic"
_GATEWAY_URL = (
    f"http://gateway.local{GATEWAY_PREFIX}"  # over the socket the name is never resolved; https would mean TLS
)


def argv(
    cli: str,
    *,
    claude_session_id: UUID,
    resume: bool,
    model: str,
    permission_mode: str,
    allowed_rules: Sequence[str] = (),
    context: str = "",
) -> list[str]:
    """The command line; a prompt is never part of it.

    Settings, hooks and MCP servers of the repository are left out: in this mode the CLI would run them unasked.

    Args:
        resume: whether the conversation exists already; the CLI refuses to make one twice.
        allowed_rules: permission rules that hold from the start, such as `Bash(npm run *)`.
        context: what the agent is told besides its usual instructions; it is kept with the conversation.
    """
    session = ["--resume" if resume else "--session-id", str(claude_session_id)]
    rules = ["--settings", json.dumps({"permissions": {"allow": list(allowed_rules)}})] if allowed_rules else []
    return [
        cli,
        "-p",
        *("--input-format", "stream-json"),
        *("--output-format", "stream-json"),
        "--verbose",
        "--include-partial-messages",
        *("--permission-prompt-tool", "stdio"),
        *("--setting-sources", "user"),
        "--strict-mcp-config",
        *("--model", model),
        *("--permission-mode", permission_mode),
        "--allow-dangerously-skip-permissions",  # else a person could not choose that mode in mid-session
        *session,
        *rules,
        *(["--append-system-prompt", context] if context else []),
    ]


def gateway_url(server: str) -> str:
    """Where the gateway is for those who reach this server by its public address."""
    return server + GATEWAY_PREFIX


def environment(
    *,
    home: str,
    token: str,
    socket: str | None = None,
    base_url: str = _GATEWAY_URL,
    max_retries: int = 8,
    path: str = "/usr/local/bin:/usr/bin:/bin",
) -> dict[str, str]:
    """The CLI's whole environment.

    Args:
        socket: the gateway's unix socket as seen from inside; without it `base_url` is reached over TCP.
        max_retries: attempts after a failed model call. Eight go on for about 100 seconds, so that an answer outlives a
            restart of the server by a minute; the gateway says at which errors they are useless.
    """
    way_out = {"ANTHROPIC_UNIX_SOCKET": socket} if socket else {}
    return {
        "PATH": path,
        "HOME": home,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": token,
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(max_retries),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "IS_SANDBOX": "1",  # else root is refused the mode that never asks
        **way_out,
    }


def transcript_path(home: str, work: str, claude_session_id: UUID) -> str:
    """Where the CLI keeps the conversation; `--resume` needs the file."""
    return f"{home}/.claude/projects/{re.sub('[^A-Za-z0-9]', '-', work)}/{claude_session_id}.jsonl"
