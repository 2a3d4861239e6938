"""Rows for pictures, made in the server's settings: `python -m tests.gallery.seed crowd ORGANIZATION`, and so on."""

from __future__ import annotations

import datetime as dt
import os
import sys
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import django

NAMES = ("fix-login", "dark-mode", "rate-limits", "csv-export", "flaky-test", "upgrade-django", "search", "webhooks")
LONG = "a-session-that-somebody-gave-the-longest-name-there-may-be-because-nobody-keeps-names-short-by-themselves"
UNBROKEN = "README_" * 24 + ".md"
Log = Iterable[tuple[str, dict[str, Any]]]


def crowd(organization_id: str) -> None:
    """Fifty sessions in three projects: some done, some failed, some stopped, some waiting, one with a long name."""
    from projects.models import Project, ProjectStatus
    from sessions.models import AgentSession, GitStatus, PermissionRequest, SessionStatus

    states = (SessionStatus.COMPLETED, SessionStatus.STOPPED, SessionStatus.COMPLETED, SessionStatus.ERROR)
    names = ("billing", LONG[:100], "工程 · данные · بيانات")
    projects = [
        Project.objects.create(
            organization_id=organization_id, name=name, status=ProjectStatus.READY, default_branch="main"
        )
        for name in names
    ]
    for number in range(50):
        name = LONG[:100] if number == 7 else f"{NAMES[number % len(NAMES)]}-{number}"
        session = AgentSession.objects.create(
            organization_id=organization_id,
            project=projects[number % 3],
            name=name,
            model="sonnet",
            base_branch="main",
            base_commit="0" * 40,
            branch=f"slipway/{name}",
            status=SessionStatus.WAITING_INPUT if number % 9 == 0 else states[number % len(states)],
            git_status=GitStatus.DIRTY if number % 2 else GitStatus.CLEAN,
            cost_usd=Decimal(number) / 7,
        )
        if number % 9 == 0:
            PermissionRequest.objects.create(
                organization_id=organization_id,
                session=session,
                request_id=str(number),
                kind="TOOL",
                tool="Bash",
                input={"command": "npm test"},
            )


def imports(organization_id: str) -> None:
    """One that is half way, one that failed."""
    from django.utils import timezone

    from projects.models import ImportStatus, Project, ProjectImport, ProjectStatus

    log = "Cloning into bare repository…\nremote: Enumerating objects: 48213, done.\nremote: Counting objects: 100 %\n"
    later = timezone.now() + dt.timedelta(days=1)  # no worker takes it for dead
    rows: list[tuple[str, ProjectStatus, dict[str, Any]]] = [
        (
            "monorepo",
            ProjectStatus.IMPORTING,
            {"status": ImportStatus.RUNNING, "step": "Receiving objects", "percent": 42, "heartbeat_at": later},
        ),
        (
            "secret-plans",
            ProjectStatus.FAILED,
            {"status": ImportStatus.FAILED, "error": "The server asks for a name and a password.", "percent": 3},
        ),
    ]
    for name, status, fields in rows:
        project = Project.objects.create(
            organization_id=organization_id,
            name=name,
            status=status,
            source="URL",
            source_url=f"https://git.example.com/meyer/{name}.git",
            default_branch="main",
        )
        ProjectImport.objects.create(organization_id=organization_id, project=project, log=log, **fields)


def usage(organization_id: str) -> None:
    """A month's calls that leave little of the budget."""
    from django.utils import timezone

    from gateway.models import UsageEntry

    now = timezone.now()
    UsageEntry.objects.bulk_create(
        UsageEntry(
            organization_id=organization_id,
            subject_id=uuid.uuid4(),
            model=("claude-opus-4", "claude-sonnet-4", "claude-haiku-4")[number % 3],
            is_estimated=False,
            status=200,
            input_tokens=41_000 + number,
            output_tokens=3_100 + number,
            cache_read_tokens=250_000,
            cache_write_tokens=9_000,
            cost_usd=Decimal("0.3907"),
            finished_at=now,
        )
        for number in range(120)
    )


def tools(session_id: str) -> None:
    """Every kind of thing that can be in a conversation, each once."""
    from tests.gallery import story

    _append(session_id, story.everything())


def long(session_id: str, count: str) -> None:
    """As many turns as make so many events."""
    from tests.gallery import story

    _append(session_id, story.turns(int(count)))


def _append(session_id: str, log: Log) -> None:
    from django.utils import timezone

    from sessions.models import AgentSession, Event, SessionStatus

    session = AgentSession.objects.get(pk=session_id)
    began = timezone.now() - dt.timedelta(hours=2)
    rows = [
        Event(
            session=session,
            organization_id=session.organization_id,
            seq=seq,
            kind=kind,
            job_id=payload.get("job_id"),
            payload=payload,
            created_at=began + dt.timedelta(seconds=2 * (seq - session.last_seq)),
        )
        for seq, (kind, payload) in enumerate(log, session.last_seq + 1)
    ]
    Event.objects.bulk_create(rows)
    AgentSession.objects.filter(pk=session.pk).update(
        last_seq=rows[-1].seq, status=SessionStatus.COMPLETED, cost_usd=Decimal("3.41"), context_tokens=121_000
    )


def environments(organization_id: str) -> None:
    """One of each kind beside this machine: tested well, tested badly, being tested, never tested."""
    from django.utils import timezone

    from environments.models import CheckStatus, Environment, EnvironmentCheck

    now = timezone.now()
    rows: list[tuple[str, str, str, dict[str, Any]]] = [
        ("DOCKER", "node-22", "Node 22 with pnpm, for the shop's front end.", {"image": "slipway-sandbox:node22"}),
        (
            "SSH",
            LONG[:100],
            "",
            {"host": "build-7.example.com", "port": 2222, "username": "agent", "host_key": "ssh-ed25519 AAAA"},
        ),
        ("MODAL", "burst", "For many sessions at once. " * 9, {"app": "slipway-agents"}),
    ]
    made = [
        Environment.objects.create(
            organization_id=organization_id, kind=kind, name=name, description=about[:500], config=config
        )
        for kind, name, about, config in rows
    ]
    ways = [CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.RUNNING]
    for environment, status in zip(made, ways, strict=True):
        EnvironmentCheck.objects.create(
            organization_id=organization_id,
            environment=environment,
            status=status,
            lines=_lines(str(status)),
            attempt=1,
            started_at=now,
            heartbeat_at=now + dt.timedelta(days=1),
            finished_at=None if status == CheckStatus.RUNNING else now,
        )


def _lines(status: str) -> list[dict[str, Any]]:
    titles = ["A sandbox starts", "A command runs", "Files are written and read", "The agent's program is there"]
    marks = {"PASSED": ["PASSED"] * 4, "FAILED": ["PASSED", "FAILED", "SKIPPED", "SKIPPED"]}
    found = marks.get(status, ["PASSED", "RUNNING", "WAITING", "WAITING"])
    lines: list[dict[str, Any]] = [
        {"name": f"line-{number}", "title": title, "status": mark, "duration_ms": 420 if mark == "PASSED" else None}
        for number, (title, mark) in enumerate(zip(titles, found, strict=True))
    ]
    for line in lines:
        is_wrong = line["status"] == "FAILED"
        line["problem"] = "The machine answered: bash: /bin/sh: cannot execute binary file." if is_wrong else ""
        line["advice"] = "Install a shell there, or choose another machine." if is_wrong else ""
    return lines


def fifty(organization_id: str) -> None:
    """Environments as a large organisation has them, most with a model key of their own."""
    from django.utils import timezone

    from environments.models import Environment
    from gateway import keys

    for number in range(49):
        kind, config = (
            ("DOCKER", {"image": f"registry.example/teams/{NAMES[number % len(NAMES)]}:{number}"}),
            (
                "SSH",
                {
                    "host": f"build-{number}.example.com",
                    "port": 22,
                    "username": "agent",
                    "host_key": "ssh-ed25519 AAAA",
                },
            ),
            ("MODAL", {"app": f"slipway-{number}"}),
        )[number % 3]
        environment = Environment.objects.create(
            organization_id=organization_id, kind=kind, name=f"{NAMES[number % len(NAMES)]}-{number}", config=config
        )
        text = f"sk-ant-api03-of-environment-{number:04}"
        owner = uuid.UUID(organization_id)
        keys.set_place_key(organization_id=owner, place_id=environment.pk, text=text, now=timezone.now())


def used(organization_id: str) -> None:
    """An environment in which many sessions run and rest, and one whose files could not be removed."""
    from django.utils import timezone

    from accounts.models import Organization
    from environments.models import Environment, Machine, MachineStatus
    from projects.models import Project, ProjectStatus
    from sessions.models import AgentSession, Job

    now = timezone.now()
    common: dict[str, Any] = {"organization_id": organization_id}
    Organization.objects.filter(pk=organization_id).update(turn_limit=0)  # turns wait while it is looked at
    environment = Environment.objects.create(
        **common,
        kind="SSH",
        name="staging",
        config={"host": "staging.example.com", "port": 22, "username": "agent", "host_key": "ssh-ed25519 AAAA"},
    )
    project = Project.objects.create(
        **common, name="billing", status=ProjectStatus.READY, default_branch="main", default_environment=environment
    )
    for number, name in enumerate((*NAMES, LONG[:100])):
        session = AgentSession.objects.create(
            **common, project=project, name=name, environment=environment, model="sonnet", base_branch="main"
        )
        if number < 3:
            Job.objects.create(**common, session=session)
    left = Environment.objects.create(
        **common,
        kind="SSH",
        name="old-build-machine",
        config={"host": "build-1.example.com", "port": 22, "username": "agent", "host_key": "ssh-ed25519 AAAA"},
    )
    for number in range(3):
        Machine.objects.create(
            **common,
            environment=left,
            home_id=uuid.uuid4(),
            status=MachineStatus.LOST,
            handle={"root": f"/home/agent/.slipway/sandboxes/0193f2a1c4d{number}"},
            clear_error="The machine does not answer: connection refused.",
            given_up_at=now,
        )


DOCKERFILE = (
    "FROM debian:12\nRUN apt-get update && apt-get install -y git python3 nodejs\nRUN npm install --global pnpm\n"
)
OUTPUT = (
    "[1/3] FROM debian:12\n",
    "[2/3] RUN apt-get update && apt-get install -y git python3 nodejs\n",
    *(
        f"Get:{number} http://packages.example/debian bookworm/main amd64 package-{number} [38.{number} kB]\n"
        for number in range(40)
    ),
)


def builds(organization_id: str) -> None:
    """An image that is being built, and one whose build failed at its third line."""
    from environments.images.models import BuildStatus

    _build(organization_id, "web", BuildStatus.RUNNING, OUTPUT, step=2, line=2)
    failed = (*OUTPUT, "[3/3] RUN npm install --global pnpm\n", "npm: command not found\n")
    error = "The command '/bin/sh -c npm install --global pnpm' returned a non-zero code: 127"
    _build(organization_id, "web-next", BuildStatus.FAILED, failed, step=3, line=3, error=error)


def _build(organization_id: str, name: str, status: str, output: Iterable[str], **build: Any) -> None:
    from django.utils import timezone

    from environments.images.models import LIVE, BuildOutput, Dockerfile, ImageBuild
    from environments.models import Environment

    now = timezone.now()
    environment = Environment.objects.create(
        organization_id=organization_id, kind="DOCKER", name=name, config={"image": "slipway-sandbox:debian12"}
    )
    Dockerfile.objects.create(organization_id=organization_id, environment=environment, text=DOCKERFILE, updated_at=now)
    made = ImageBuild.objects.create(
        organization_id=organization_id,
        environment=environment,
        status=status,
        dockerfile=DOCKERFILE,
        steps=3,
        attempt=1,
        started_at=now,
        heartbeat_at=now + dt.timedelta(days=1),
        finished_at=None if status in LIVE else now,
        last_seq=1,
        **build,
    )
    BuildOutput.objects.create(organization_id=organization_id, build=made, seq=1, text="".join(output))


COMMANDS: dict[str, Callable[..., None]] = {
    "builds": builds,
    "crowd": crowd,
    "environments": environments,
    "fifty": fifty,
    "imports": imports,
    "usage": usage,
    "used": used,
    "tools": tools,
    "long": long,
}

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])
