"""The scoped access layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import services
from accounts.errors import Forbidden, NotFound, OrganizationSuspended
from accounts.models import Membership, Organization, User
from accounts.tenancy import Actor, Role, fetch


class TestRole:
    @pytest.mark.parametrize("held", list(Role))
    def test_covers_itself_and_what_is_lower(self, held: Role) -> None:
        order = list(Role)

        assert [needed for needed in order if held.covers(needed)] == order[: order.index(held) + 1]


class TestFetch:
    def test_gives_a_row_of_ones_own_organization(self, bob: User, actor: Callable[[User], Actor]) -> None:
        row = Membership.objects.get(user=bob)

        assert fetch(Membership, actor(bob), row.id) == row

    def test_tells_strangers_nothing(self, bob: User, charlie: User, actor: Callable[[User], Actor]) -> None:
        row = Membership.objects.get(user=bob)
        told = []

        for id in (row.id, uuid7()):
            with pytest.raises(NotFound) as caught:
                fetch(Membership, actor(charlie), id, Role.OWNER)
            told.append((type(caught.value), caught.value.message, caught.value.details))

        assert told[0] == told[1]

    def test_refuses_a_role_that_is_too_low(self, bob: User, actor: Callable[[User], Actor]) -> None:
        with pytest.raises(Forbidden):
            fetch(Membership, actor(bob), Membership.objects.get(user=bob).id, Role.ADMIN)

    def test_stays_within_the_queryset(self, alice: User, bob: User, actor: Callable[[User], Actor]) -> None:
        own = Membership.objects.filter(user=alice)

        with pytest.raises(NotFound):
            fetch(own, actor(alice), Membership.objects.get(user=bob).id)

    def test_is_one_query(
        self, bob: User, actor: Callable[[User], Actor], django_assert_num_queries: Callable[[int], object]
    ) -> None:
        who, row = actor(bob), Membership.objects.get(user=bob)

        with django_assert_num_queries(1):  # type: ignore[attr-defined]
            fetch(Membership, who, row.id, Role.MEMBER)


class TestSuspension:
    def test_forbids_rows_and_empties_lists(
        self, alice: User, organization: Organization, actor: Callable[[User], Actor]
    ) -> None:
        row = Membership.objects.get(user=alice)
        services.suspend_organizations(ids=[organization.id], now=timezone.now())

        with pytest.raises(OrganizationSuspended):
            fetch(Membership, actor(alice), row.id)
        with pytest.raises(OrganizationSuspended):
            actor(alice).require(organization.id, Role.VIEWER)
        assert not Membership.objects.visible_to(actor(alice)).exists()

    def test_does_not_tell_strangers(
        self, charlie: User, organization: Organization, actor: Callable[[User], Actor]
    ) -> None:
        services.suspend_organizations(ids=[organization.id], now=timezone.now())

        with pytest.raises(NotFound):
            actor(charlie).require(organization.id, Role.VIEWER)
