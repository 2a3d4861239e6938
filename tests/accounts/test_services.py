"""Writes on organisations and members."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from accounts import services
from accounts.errors import LastOwner, NotFound
from accounts.models import Membership, Organization, User
from accounts.signals import organization_created
from accounts.tenancy import Actor, Role
from tests import factories


class TestCreateOrganization:
    def test_makes_the_owner_and_tells_other_apps(self, alice: User) -> None:
        told: list[Organization] = []

        def receive(sender: object, organization: Organization, **_: Any) -> None:
            told.append(organization)

        organization_created.connect(receive)
        try:
            made = services.create_organization(name="second", owner=alice)
        finally:
            organization_created.disconnect(receive)

        assert told == [made]
        assert Membership.objects.get(organization=made).role == Role.OWNER

    def test_leaves_nothing_behind_when_another_app_fails(self, alice: User) -> None:
        def fail(sender: object, **_: Any) -> None:
            raise RuntimeError("no default environment")

        organization_created.connect(fail)
        try:
            with pytest.raises(RuntimeError):
                services.create_organization(name="second", owner=alice)
        finally:
            organization_created.disconnect(fail)

        assert not Organization.objects.filter(name="second").exists()


class TestEnsurePersonalOrganization:
    def test_makes_one_and_then_finds_it(self, alice: User) -> None:
        made = services.ensure_personal_organization(user=alice)

        assert made.name == "Alice"
        assert made.is_personal
        assert services.ensure_personal_organization(user=alice) == made

    @pytest.mark.django_db(transaction=True)
    def test_makes_one_when_sign_ins_race(self) -> None:
        user = factories.make_user("race@example.com")

        def sign_in(_: int) -> Organization:
            try:
                return services.ensure_personal_organization(user=user)
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(sign_in, range(8)))

        assert len(made) == 1
        assert Organization.objects.count() == 1


class TestChangeRole:
    @pytest.mark.django_db(transaction=True)
    def test_two_owners_cannot_demote_each_other_at_once(self) -> None:
        alice, ann = factories.make_user("alice@example.com"), factories.make_user("ann@example.com")
        organization = factories.make_organization("acme", alice)
        factories.join(organization, ann, Role.OWNER)
        both = {organization.id: Role.OWNER}

        def demote(pair: tuple[User, User]) -> bool:
            by, whom = pair
            membership = Membership.objects.get(user=whom)
            try:
                services.change_role(actor=Actor(by, both), membership=membership, role=Role.MEMBER)
                return True
            except LastOwner:
                return False
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(demote, [(alice, ann), (ann, alice)]))

        assert sorted(done) == [False, True]
        assert Membership.objects.filter(role=Role.OWNER).count() == 1

    def test_raises_not_found_for_a_member_who_left_meanwhile(
        self, alice: User, bob: User, actor: Callable[[User], Actor]
    ) -> None:
        membership = Membership.objects.get(user=bob)
        services.remove_member(actor=actor(alice), membership=membership, now=timezone.now())
        membership.pk = Membership(user=bob).pk

        with pytest.raises(NotFound):
            services.change_role(actor=actor(alice), membership=membership, role=Role.VIEWER)


class TestPruneBrowserSessions:
    def test_takes_expired_ones_with_their_traces_and_leaves_the_rest(self, alice: User) -> None:
        now = timezone.now()
        for name, expires in (("gone", now - timedelta(days=2)), ("open", now + timedelta(days=2))):
            Session.objects.create(session_key=name, session_data="", expire_date=expires)
            UserSession.objects.create(user=alice, session_key=name, ip="127.0.0.1", user_agent="test")
        UserSession.objects.update(last_seen_at=now - timedelta(days=3))

        assert services.prune_browser_sessions(now=now) == 1

        assert Session.objects.get().session_key == "open"
        assert UserSession.objects.get().session_key == "open"
