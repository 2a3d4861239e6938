"""What people asked before: kept once, for themselves."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.auth import actor_for
from accounts.models import Organization, User
from sessions import services
from sessions.models import AgentSession, Job, JobStatus, Prompt
from sessions.services import NewSessions, prompts, restart
from tests.sessions.rows import make_job, make_session, make_vault_project

NOW = timezone.now()


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def send(session: AgentSession, author: User, text: str, now: datetime = NOW) -> None:
    services.send_message(session=session, author=author, text=text, now=now)


class TestNotePrompt:
    def test_keeps_a_text_once_and_counts_its_uses(self, session: AgentSession, bob: User) -> None:
        for seconds in range(3):
            send(session, bob, "run the tests", NOW + timedelta(seconds=seconds))
        send(session, bob, "Run the tests")

        kept = Prompt.objects.order_by("-used_count").values_list("text", "used_count", "last_used_at", "project")
        assert list(kept) == [
            ("run the tests", 3, NOW + timedelta(seconds=2), session.project_id),
            ("Run the tests", 1, NOW, session.project_id),
        ]

    def test_keeps_each_persons_own(self, session: AgentSession, alice: User, bob: User) -> None:
        send(session, bob, "go")
        send(session, alice, "go")

        assert set(Prompt.objects.values_list("user", "used_count")) == {(bob.pk, 1), (alice.pk, 1)}

    def test_a_message_that_is_sent_again_is_no_second_use(self, session: AgentSession, bob: User) -> None:
        id = uuid.uuid4()
        for seconds in range(2):
            now = NOW + timedelta(seconds=seconds)
            services.send_message(session=session, author=bob, text="go", message_id=id, now=now)

        assert Prompt.objects.get().used_count == 1

    def test_sessions_that_begin_with_one_prompt_use_it_once(self, alice: User, organization: Organization) -> None:
        project = make_vault_project(alice, organization)
        services.create_sessions(
            actor=actor_for(alice), project=project, new=NewSessions("x", count=3, prompt="go"), now=NOW
        )

        assert Prompt.objects.get().used_count == 1

    def test_going_on_is_nobodys_own_words(self, session: AgentSession, bob: User) -> None:
        job = make_job(session, status=JobStatus.FAILED)
        job.message.delivered_at = NOW
        job.message.save()
        services.restart_session(session=session, by=bob, now=NOW)

        assert Job.objects.filter(message__text=restart.GO_ON).exists()
        assert not Prompt.objects.exists()

    def test_forgets_what_was_used_longest_ago(
        self, session: AgentSession, bob: User, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prompts, "KEPT", 2)
        send(session, alice, "hers")
        for seconds, text in enumerate(["a", "b", "a", "c"]):
            send(session, bob, text, NOW + timedelta(seconds=seconds))

        assert set(Prompt.objects.filter(user=bob).values_list("text", flat=True)) == {"a", "c"}
        assert Prompt.objects.filter(user=alice).exists()

    def test_leaves_long_texts_to_their_conversation(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prompts, "MAX_LENGTH", 3)
        send(session, bob, "four")
        send(session, bob, "two")

        assert Prompt.objects.get().text == "two"
