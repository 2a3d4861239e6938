"""Rows to measure with, made in the server's settings: `python -m bench.rows sessions PROJECT COUNT`, and so on."""

from __future__ import annotations

import os
import sys

import django


def make_sessions(project_id: str, count: str) -> None:
    """Sessions as the lists show them, each with a finished turn's trace."""
    from projects.models import Project
    from sessions.models import AgentSession, SessionStatus

    project = Project.objects.get(pk=project_id)
    taken = AgentSession.objects.filter(project=project).count()
    AgentSession.objects.bulk_create(
        AgentSession(
            organization_id=project.organization_id,
            project=project,
            name=f"row {number}",
            model="sonnet",
            base_branch="main",
            base_commit="0" * 40,
            branch=f"slipway/row-{number}",
            status=SessionStatus.COMPLETED,
        )
        for number in range(taken, int(count))
    )


def make_events(session_id: str, count: str) -> None:
    """A log of the agent's texts."""
    from django.utils import timezone

    from sessions.models import AgentSession, Event

    session = AgentSession.objects.get(pk=session_id)
    first, last = session.last_seq + 1, session.last_seq + int(count)
    payload = {"block": "msg_1:0", "parent": None, "text": "What an agent says in a paragraph. " * 10}
    Event.objects.bulk_create(
        Event(
            session=session,
            seq=seq,
            organization_id=session.organization_id,
            kind="assistant.text",
            payload=payload,
            created_at=timezone.now(),
        )
        for seq in range(first, last + 1)
    )
    AgentSession.objects.filter(pk=session_id).update(last_seq=last)


def count_queries(path: str, token: str) -> None:
    """Print how many queries one GET takes."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0], headers={"Authorization": f"Bearer {token}"})
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, answer.content
    print(len(captured))


COMMANDS = {"sessions": make_sessions, "events": make_events, "queries": count_queries}

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])
