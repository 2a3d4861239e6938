"""Where the Claude Code program is on this machine."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from django.conf import settings

from accounts.errors import DomainError

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class CliMissing(DomainError):
    """The Claude Code program is not installed. Run set-up again, or name its path in SLIPWAY_CLAUDE_CLI."""


def find_cli() -> Path:
    """The program that sessions run: the configured one, else the pinned one that set-up installed.

    Raises: CliMissing.
    """
    if settings.CLAUDE_CLI:
        configured = Path(settings.CLAUDE_CLI)
        if not configured.is_file():
            raise CliMissing(
                f"There is no Claude Code program at {configured}. Correct SLIPWAY_CLAUDE_CLI or empty it."
            )
        return configured
    packages = Path(settings.AGENTS_DIR, "claude", "node_modules", "@anthropic-ai")
    pinned = packages / f"claude-code-{_platform()}" / "claude"
    if not pinned.is_file():
        raise CliMissing
    return pinned


def _platform() -> str:
    machine = platform.machine().lower()
    return f"{sys.platform}-{_MACHINES.get(machine, machine)}"
