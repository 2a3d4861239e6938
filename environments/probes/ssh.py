"""A machine reached over SSH: does it let us in, and is there what sessions need?"""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async as in_db

from environments import specs
from environments.models import Environment
from environments.probes.base import Status
from sandbox.errors import SandboxRefused
from sandbox.spec import SshSpec
from sandbox.ssh.commands import ask
from sandbox.ssh.dialing import HostKeyChanged, SignInRefused

TIMEOUT_S = 5.0
GIB = 2**30
NO_ROOM = GIB // 4  # bytes, below which not even a small project has room


async def probe(environment: Environment) -> Status:
    try:
        facts = await in_db(specs.facts_of)([environment])
        spec = specs.place_spec(environment, facts[environment.pk])
        assert isinstance(spec, SshSpec)
        request = {"verb": "check", "agent_path": environment.config.get("agent_path", "")}
        found = await ask(spec.account, spec.work_dir, request, timeout_s=TIMEOUT_S)
    except (SignInRefused, HostKeyChanged, SandboxRefused) as error:
        return Status(False, False, error.message)
    missing = _missing(spec.account.host, environment.config, found)
    return Status(not missing, error=missing, details=_details(found))


def _missing(host: str, config: dict[str, Any], found: dict[str, Any]) -> str:
    """What has to be done on the machine first, as a sentence; empty when all is there."""
    if not found.get("git"):
        return f"There is no git on {host}: install it."
    if not found.get("agent"):
        where = f"at {config['agent_path']}" if config.get("agent_path") else "on the PATH"
        return (
            f"There is no Claude Code program {where} on {host}. Install it there, or correct its path in the "
            "environment's settings."
        )
    if _number(found.get("free_bytes")) < NO_ROOM:
        return f"The disk of {host} is full: free some space below {str(found.get('base'))[:200]}."
    return ""


def _details(found: dict[str, Any]) -> dict[str, Any]:
    """Plain values; they are the machine's words, so none may be long."""
    told = {name: str(found.get(name, ""))[:200] for name in ("user", "base", "python", "git", "agent")}
    return {
        **told,
        "cpus": _number(found.get("cpus")),
        "memory_gib": round(_number(found.get("memory_bytes")) / GIB, 1),
        "free_gib": round(_number(found.get("free_bytes")) / GIB, 1),
        "is_confined": False,
    }


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
