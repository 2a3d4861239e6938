"""What was deleted comes back as it was, for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django.fixtures import Settings

from accounts.auth import actor_for
from accounts.errors import NotFound
from accounts.models import Organization, User
from projects import services as projects
from projects.models import Project
from sessions import dispatch, services
from sessions.errors import NameTaken
from sessions.models import AgentSession
from tests.sessions.rows import make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, last_seq=7)


@pytest.fixture(autouse=True)
def undo(settings: Settings) -> None:
    settings.UNDO_S = 600


def undelete(session: AgentSession, after_s: float = 1) -> None:
    services.undelete_session(session=session, now=timezone.now() + timedelta(seconds=after_s))


class TestSession:
    def test_comes_back_with_its_log_and_only_its_sandbox_was_stopped(self, session: AgentSession) -> None:
        services.delete_session(session=session, now=timezone.now())
        assert not AgentSession.objects.exists()

        undelete(session)

        assert AgentSession.objects.get().last_seq == session.last_seq
        stop, finish = ProcrastinateJob.objects.order_by("pk")
        assert (stop.task_name, stop.scheduled_at) == ("sessions.stop_session", None)
        assert (finish.task_name, finish.lock) == ("sessions.finish_deletion", None)
        assert finish.scheduled_at > timezone.now() + timedelta(seconds=590)

    @pytest.mark.parametrize(("is_given_back", "after_s", "is_removed"), [(0, 600, 1), (0, 500, 0), (1, 600, 0)])
    def test_is_removed_when_it_is_deleted_for_good(
        self, session: AgentSession, is_given_back: bool, after_s: int, is_removed: bool
    ) -> None:
        now = timezone.now()
        services.delete_session(session=session, now=now)
        if is_given_back:
            undelete(session)

        dispatch.finish_deletion(session.pk, now=now + timedelta(seconds=after_s))

        assert ProcrastinateJob.objects.filter(task_name="sessions.cleanup_session").exists() == is_removed

    def test_is_gone_for_good_after_that_time_and_with_its_project(self, session: AgentSession) -> None:
        with pytest.raises(NotFound):
            undelete(session)
        services.delete_session(session=session, now=timezone.now())
        with pytest.raises(NotFound):
            undelete(session, after_s=601)
        Project.objects.update(deleted_at=timezone.now())
        with pytest.raises(NotFound):
            undelete(session)

    def test_stays_deleted_when_another_is_called_so_by_now(
        self, session: AgentSession, organization: Organization
    ) -> None:
        services.delete_session(session=session, now=timezone.now())
        make_session(organization, project=session.project, name=session.name)

        with pytest.raises(NameTaken):
            undelete(session)

        assert AgentSession.objects.count() == 1


class TestProject:
    def test_comes_back_with_the_sessions_that_went_with_it(
        self, alice: User, session: AgentSession, organization: Organization
    ) -> None:
        before = make_session(organization, project=session.project, name="deleted before")
        services.delete_session(session=before, now=timezone.now())
        now = timezone.now()
        projects.delete_project(actor=actor_for(alice), id=session.project_id, now=now)
        assert not Project.objects.exists()

        back = projects.undelete_project(actor=actor_for(alice), id=session.project_id, now=now + timedelta(seconds=5))

        assert back.pk == session.project_id
        assert list(AgentSession.objects.values_list("pk", flat=True)) == [session.pk]

    def test_is_gone_for_good_after_that_time(self, alice: User, session: AgentSession) -> None:
        now = timezone.now()
        for later in (now, now + timedelta(seconds=601)):
            with pytest.raises(NotFound):
                projects.undelete_project(actor=actor_for(alice), id=session.project_id, now=later)
            Project.objects.update(deleted_at=now)
