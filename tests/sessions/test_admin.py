"""The operator's pages: they open, search, and their actions do what users' own buttons do."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization, User
from sessions import log, services
from sessions.events import Entry
from sessions.models import AgentSession, Checkpoint, Event, Job, JobStatus, PermissionRule, Prompt, Restoration
from tests.sessions.rows import make_attachment, make_job, make_permission, make_session


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "x"))
    return client


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    session = make_session(organization)
    make_permission(session, job=make_job(session, status=JobStatus.PROCESSING))
    PermissionRule.objects.create(organization=organization, project=session.project, session=session, rule="Read")
    make_attachment(session)
    Checkpoint.objects.create(
        organization=organization, session=session, commit="b" * 40, git_status="CLEAN", files_changed=0
    )
    Restoration.objects.create(organization=organization, session=session, checkpoint=Checkpoint.objects.get())
    bob = User.objects.create(email="bob-the-asker@example.com", name="Bob")
    services.note_prompt(session=session, user=bob, text="whispered", now=timezone.now())
    log.append(session, [Entry("agent.raw", {"text": "<script>alert(1)</script>"})], now=timezone.now())
    return session


def act(client: Client, model: str, action: str, *rows: Any) -> None:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    assert client.post(f"/admin/agent_sessions/{model}/", data).status_code == 302


MODELS = ["agentsession", "job", "message", "permissionrequest", "permissionrule", "attachment", "checkpoint"]
MODELS += ["prompt", "restoration"]


@pytest.mark.parametrize("model", MODELS)
class TestPages:
    def test_list_search_and_show(self, operator: Client, session: AgentSession, model: str) -> None:
        assert operator.get(f"/admin/agent_sessions/{model}/?q={session.pk}").status_code == 200
        assert operator.get(f"/admin/agent_sessions/{model}/add/").status_code == 403

    def test_are_closed_to_members(self, session: AgentSession, alice: User, model: str) -> None:
        client = Client()
        client.force_login(alice)

        assert client.get(f"/admin/agent_sessions/{model}/").status_code == 302


@pytest.mark.parametrize("model", MODELS)
class TestRow:
    def test_can_be_looked_at_and_not_changed(self, operator: Client, session: AgentSession, model: str) -> None:
        row = apps.get_model("agent_sessions", model)._default_manager.get()

        page = operator.get(f"/admin/agent_sessions/{model}/{row.pk}/change/")

        assert page.status_code == 200
        assert b'name="_save"' not in page.content


class TestSessionPage:
    def test_shows_the_tail_of_the_log_as_text(self, operator: Client, session: AgentSession) -> None:
        page = operator.get(f"/admin/agent_sessions/agentsession/{session.pk}/change/").content.decode()

        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert(1)" not in page


class TestActions:
    def test_cancel_jobs_that_are_not_over(self, operator: Client, session: AgentSession) -> None:
        done = make_job(session, status=JobStatus.COMPLETED)

        act(operator, "job", "cancel_jobs", *Job.objects.all())

        assert set(Job.objects.exclude(pk=done.pk).values_list("status", flat=True)) == {"CANCELLED"}
        assert Job.objects.get(pk=done.pk).status == "COMPLETED"
        assert Event.objects.filter(kind="job.status").count() == 1

    def test_stop_sessions(self, operator: Client, session: AgentSession) -> None:
        act(operator, "agentsession", "stop_sessions", session)

        assert ProcrastinateJob.objects.get().task_name == "sessions.stop_session"


def test_what_people_asked_is_not_shown_to_the_operator(operator: Client, session: AgentSession) -> None:
    prompt = Prompt.objects.get()

    pages = [operator.get(f"/admin/agent_sessions/prompt/{path}").content for path in ("", f"{prompt.pk}/change/")]

    assert all(b"whispered" not in page for page in pages)
