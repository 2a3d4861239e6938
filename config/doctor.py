"""What this deployment needs, checked one by one; each finding says how to mend it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from accounts.errors import DomainError
from config import copies, places, postgres
from config.env import BASE_DIR, Env, env
from config.findings import Finding
from environments import isolation
from gateway import services as gateway_services
from gateway import sockets
from sandbox import bubblewrap, limits
from sandbox.errors import SandboxError
from sessions.engine import cli

OLDEST_GIT = (2, 38)  # merges without a working tree: git merge-tree --write-tree
LEAST_FREE_BYTES = 2 * 2**30
LEAST_TOKEN = 16  # characters
MAX_SOCKET_PATH = 107  # bytes of sun_path on Linux


def examine() -> list[Finding]:
    """Run every check; one that fails in an unforeseen way is an error of its own."""
    findings = []
    for check in CHECKS:
        try:
            found = check()
            findings += found if isinstance(found, list) else [found]
        except Exception as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            findings.append(
                Finding(
                    name, "error", f"{type(error).__name__}: {error}", "this check could not be made; see the message"
                )
            )
    return findings


def check_python() -> Finding:
    return Finding("python", "ok", sys.version.split()[0])  # an older one does not get this far


def check_git() -> Finding:
    line = _output(["git", "--version"])
    found = re.search(r"(\d+)\.(\d+)", line)
    if found is None:
        return Finding("git", "error", "not found", "install git (Debian: apt-get install git)")
    if (int(found[1]), int(found[2])) < OLDEST_GIT:
        return Finding("git", "warning", line, "git 2.38 or later is needed to merge sessions")
    return Finding("git", "ok", line)


def check_front_end() -> Finding:
    if list((BASE_DIR / "static" / "dist").glob("*.js")):
        return Finding("front end", "ok", "built")
    return Finding(
        "front end", "error", "static/dist is empty", "run `python3 dev run`, or `npm ci && npm run build` in frontend/"
    )


def check_bubblewrap() -> Finding:
    """Really confine something, since namespaces can be forbidden in many places."""
    level: Literal["warning", "error"] = "warning" if settings.ALLOW_UNCONFINED else "error"
    try:
        program = bubblewrap.find()
    except SandboxError as error:
        return Finding("bubblewrap", level, str(error), bubblewrap.HINT)
    command = [program, *bubblewrap.NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "/bin/sh", "-c", "exit 0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env={})
    if done.returncode == 0:
        return Finding("bubblewrap", "ok", _output([program, "--version"]) + " confines")
    mend = (
        "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also "
        "kernel.apparmor_restrict_unprivileged_userns=0), or run the server where they are allowed"
    )
    return Finding("bubblewrap", level, done.stderr.strip()[-300:] or f"exit code {done.returncode}", mend)


def check_limits() -> Finding:
    """What one sandbox cannot take all of; memory is bounded for the server as a whole, by whoever starts it."""
    bounded = limits.in_force(is_confined=not settings.ALLOW_UNCONFINED)
    detail = f"each sandbox is bounded in {', '.join(bounded)}; memory only by what the server itself may use"
    if limits.bounds_processes():
        return Finding("limits", "ok", detail)
    mend = "run the server as a user of its own (not root) on Linux 5.14 or later, so that processes are bounded too"
    return Finding("limits", "warning", detail, mend)


def check_unconfined() -> Finding:
    if not settings.ALLOW_UNCONFINED:
        return Finding("confinement", "ok", "agents run only inside a sandbox")
    mend = "unset SLIPWAY_ALLOW_UNCONFINED unless everyone with an account may act as the server's user"
    return Finding("confinement", "warning", "agents may run as the server's own user", mend)


def check_tenancy() -> Finding:
    """The server does not start with what this finds; `config.checks` has the same words."""
    if refusals := isolation.refusals():
        return Finding(
            "tenancy", "error", " ".join(one.message for one in refusals), " ".join(one.mend for one in refusals)
        )
    if isolation.is_shared():
        return Finding("tenancy", "ok", "multi: no sessions on this machine or by plain runc, no image builds")
    return Finding("tenancy", "ok", settings.TENANCY)


def check_agent() -> Finding:
    """The program answers, with the version that our driver was tested against."""
    try:
        program = cli.find_cli()
    except DomainError as error:
        return Finding(
            "claude code",
            "error",
            error.message,
            "run `npm ci --ignore-scripts` in agents/claude, or `python3 dev run`",
        )
    with tempfile.TemporaryDirectory() as home:
        found = _output([str(program), "--version"], HOME=home).split(" ")[0]
    pinned = json.loads((BASE_DIR / "agents/claude/package.json").read_text())["dependencies"][
        "@anthropic-ai/claude-code"
    ]
    if found == pinned:
        return Finding("claude code", "ok", found)
    return Finding(
        "claude code",
        "warning",
        f"{found or 'no answer'} at {program}, tested with {pinned}",
        "unset SLIPWAY_CLAUDE_CLI, or expect differences",
    )


def check_data_dir() -> Finding:
    folder: Path = settings.DATA_DIR
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("data folder", "error", str(error), "set SLIPWAY_DATA_DIR to a folder that this user can write")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        return Finding(
            "data folder",
            "warning",
            f"{free / 2**30:.1f} GiB free at {folder}",
            "free some space; agents and repositories need it",
        )
    return Finding("data folder", "ok", f"{folder}, {free / 2**30:.1f} GiB free")


def check_keys() -> Finding:
    folder = settings.DATA_DIR / "keys"
    open_ones = [path.name for path in sorted(folder.glob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        return Finding(
            "keys",
            "error",
            f"others can read {', '.join(open_ones)}",
            f"chmod 600 {folder}/*, and change what may have been read",
        )
    return Finding("keys", "ok", "readable by this user only")


def check_database() -> list[Finding]:
    mend = "see the message; with DATABASE_URL any PostgreSQL 15 or later will do"
    try:
        with _database():
            connection.ensure_connection()
            executor = MigrationExecutor(connection)
            behind = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
            found = [_database_finding(behind), *([] if behind else [copies.finding()])]
            connection.close()
    except (DatabaseError, postgres.PostgresUnavailable) as error:
        return [Finding("database", "error", str(error).strip(), mend)]
    return found


def _database_finding(behind: int) -> Finding:
    version = connection.pg_version // 10000  # type: ignore[attr-defined]  # PostgreSQL's wrapper
    if behind:
        return Finding(
            "database",
            "warning",
            f"PostgreSQL {version}, {behind} migrations behind",
            "python manage.py migrate (`serve` does it for the embedded one)",
        )
    if _is_superuser():
        return Finding(
            "database",
            "warning",
            "connected as a superuser",
            "use a role without SUPERUSER, so that the database checks us too",
        )
    return Finding(
        "database", "ok", f"PostgreSQL {version}, {'external' if env.database_url else 'embedded'}, migrated"
    )


@contextlib.contextmanager
def _database() -> Iterator[None]:
    if env.database_url:
        yield
    else:
        with postgres.running(env.data_dir):
            yield


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select rolsuper from pg_roles where rolname = current_user")
        row = cursor.fetchone()
    return bool(row and row[0])


def check_redis() -> Finding:
    if not env.redis_url:
        return Finding("redis", "ok", "not used: this must be the only server process")
    import redis

    try:
        redis.Redis.from_url(env.redis_url, socket_timeout=5).ping()
    except redis.RedisError as error:
        return Finding("redis", "error", str(error), "start Redis or correct REDIS_URL")
    return Finding("redis", "ok", "answers")


def check_socket_path() -> Finding:
    path = sockets.socket_path()
    size = len(os.fsencode(path))
    if size > MAX_SOCKET_PATH:
        return Finding("socket path", "error", f"{path} has {size} bytes", "choose a shorter SLIPWAY_DATA_DIR")
    return Finding("socket path", "ok", str(path))


def check_address() -> Finding:
    """Cookies, origins and links are made from the one base address."""
    base = urlsplit(settings.BASE_URL)
    detail = f"{settings.BASE_URL}, listening on {env.listen}"
    is_local = (base.hostname or "") in ("127.0.0.1", "localhost", "::1")
    if base.scheme not in ("http", "https") or not base.hostname or base.path:
        return Finding("address", "error", detail, "SLIPWAY_BASE_URL must be scheme://host[:port] and nothing more")
    if base.scheme == "http" and not is_local:
        return Finding(
            "address", "warning", detail, "put a TLS proxy in front and set SLIPWAY_BASE_URL to its https address"
        )
    if base.scheme == "https" and not env.trusted_proxies:
        mend = "set SLIPWAY_TRUSTED_PROXIES to their number, or all visitors share one limit on failed sign-ins"
        return Finding("address", "warning", f"{detail}, behind a proxy that is not counted", mend)
    if base.scheme == "http" and env.listen.rpartition(":")[2] != str(base.port or 80):
        return Finding(
            "address", "warning", detail, "the ports differ: set SLIPWAY_BASE_URL to what browsers really use"
        )
    return Finding("address", "ok", detail)


def check_debug() -> Finding:
    if settings.DEBUG and not env.listen.startswith(("127.0.0.1:", "localhost:", "[::1]:")):
        return Finding(
            "debug",
            "error",
            f"on, while listening on {env.listen}",
            "unset SLIPWAY_DEBUG where others can reach the server",
        )
    return Finding("debug", "ok", "on, for this machine only" if settings.DEBUG else "off")


def check_models() -> Finding:
    if settings.ANTHROPIC_API_KEY:
        offered = ", ".join(choice.name for choice in gateway_services.available_models())
        return Finding("models", "ok", f"a deployment key is set; offered: {offered}")
    mend = "set SLIPWAY_ANTHROPIC_API_KEY or let organisations enter theirs; until then the practice model answers"
    return Finding("models", "warning", "no deployment key", mend)


def check_email() -> Finding:
    if env.email_host or settings.DEBUG:
        return Finding("mail", "ok", env.email_host or "printed to the console")
    return Finding(
        "mail", "warning", "printed to the console", "set SLIPWAY_EMAIL_HOST so that people get their sign-up codes"
    )


def check_user() -> Finding:
    if os.geteuid() != 0:
        return Finding("user", "ok", f"uid {os.geteuid()}")
    return Finding("user", "warning", "running as root", "run the server as a user of its own")


def check_metrics() -> Finding:
    """Metrics name no tenant, but are nobody's business."""
    listen = env.metrics_listen
    if listen and not listen.startswith(("127.0.0.1:", "localhost:", "[::1]:")) and not env.metrics_token:
        mend = "set SLIPWAY_METRICS_TOKEN, or listen on 127.0.0.1: without a token other machines read nothing"
        return Finding("metrics", "warning", f"on {listen}, without a token", mend)
    if env.metrics_token and len(env.metrics_token) < LEAST_TOKEN:
        return Finding("metrics", "warning", "the token is short", "set SLIPWAY_METRICS_TOKEN to 32 random characters")
    return Finding("metrics", "ok", "for who has the token" if env.metrics_token else "for this machine only")


def check_telemetry() -> Finding:
    """What is to be sent elsewhere needs a package of its own."""
    wanted = {"opentelemetry.sdk": env.otlp_endpoint, "sentry_sdk": env.sentry_dsn}
    missing = [name for name, setting in wanted.items() if setting and not _is_installed(name)]
    if missing:
        return Finding(
            "telemetry", "error", f"not installed: {', '.join(missing)}", "pip install -r requirements/extras.txt"
        )
    used = [name for name, setting in (("traces", env.otlp_endpoint), ("Sentry", env.sentry_dsn)) if setting]
    return Finding("telemetry", "ok", f"sends {' and '.join(used)}" if used else "sends nothing elsewhere")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def check_variables() -> Finding:
    """A misspelt variable changes nothing, silently."""
    known = {f"SLIPWAY_{name.upper()}" for name in Env.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("SLIPWAY_") and name not in known)
    if unknown:
        return Finding("variables", "warning", f"unknown: {', '.join(unknown)}", "see docs/settings.md for the names")
    return Finding("variables", "ok", "all known")


def _output(command: list[str], **environment: str) -> str:
    """First line of what a program prints, empty when it cannot be run."""
    try:
        kept = {"PATH": os.environ.get("PATH", ""), **environment}
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=kept)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("\n")[0]


CHECKS: list[Callable[[], Finding | list[Finding]]] = [
    check_python,
    check_git,
    check_front_end,
    check_agent,
    check_bubblewrap,
    check_limits,
    check_unconfined,
    check_tenancy,
    *places.CHECKS,
    check_data_dir,
    check_keys,
    check_socket_path,
    check_database,
    check_redis,
    check_address,
    check_debug,
    check_models,
    check_email,
    check_user,
    check_metrics,
    check_telemetry,
    check_variables,
]
