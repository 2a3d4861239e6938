"""What people note about sessions for themselves."""

from __future__ import annotations

import uuid

import pytest

from accounts.errors import Invalid, NotFound
from accounts.models import Organization, User
from sessions import services
from sessions.models import AgentSession, SessionMark
from tests.sessions.rows import make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization, last_seq=10)


class TestMarkSession:
    def test_reads_on_but_never_back_nor_beyond_the_log(self, session: AgentSession, bob: User) -> None:
        read = [
            services.mark_session(session=session, user=bob, last_read_seq=seq).last_read_seq for seq in (4, 2, 7, 99)
        ]

        assert read == [4, 4, 7, 10]

    def test_calls_unread_again_what_was_read(self, session: AgentSession, bob: User) -> None:
        services.mark_session(session=session, user=bob, last_read_seq=10)

        assert services.mark_session(session=session, user=bob, is_unread=True).last_read_seq == 9

    def test_leaves_what_is_not_given(self, session: AgentSession, bob: User) -> None:
        services.mark_session(session=session, user=bob, last_read_seq=3)
        mark = services.mark_session(session=session, user=bob, is_pinned=True)

        assert (mark.last_read_seq, mark.is_pinned, mark.position) == (3, True, None)

    def test_is_each_persons_own(self, session: AgentSession, alice: User, bob: User) -> None:
        services.mark_session(session=session, user=alice, is_pinned=True)

        assert services.mark_session(session=session, user=bob).is_pinned is False
        assert SessionMark.objects.count() == 2


class TestOrderSessions:
    def test_keeps_an_order_and_another_one_after_it(self, organization: Organization, bob: User) -> None:
        one, two, three = (make_session(organization).pk for _ in range(3))
        services.mark_session(session=AgentSession.objects.get(pk=two), user=bob, is_pinned=True)

        for order in ([one, two, three], [three, one, two]):
            services.order_sessions(organization_id=organization.pk, user=bob, session_ids=order)

        marks = SessionMark.objects.filter(user=bob).order_by("position")
        assert [mark.session_id for mark in marks] == [three, one, two]
        assert [mark.is_pinned for mark in marks] == [False, False, True]

    def test_refuses_what_is_named_twice_or_of_others(
        self, session: AgentSession, organization: Organization, charlie: User, bob: User
    ) -> None:
        theirs = make_session(charlie.organizations.get()).pk

        with pytest.raises(Invalid):
            services.order_sessions(organization_id=organization.pk, user=bob, session_ids=[session.pk, session.pk])
        for foreign in (theirs, uuid.uuid4()):
            with pytest.raises(NotFound):
                services.order_sessions(organization_id=organization.pk, user=bob, session_ids=[session.pk, foreign])
        assert not SessionMark.objects.exists()
