"""Sessions and tokens become actors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services
from accounts.auth import actor_for, actor_for_token, bearer_of
from accounts.errors import Unauthenticated
from accounts.models import ApiToken, Membership, Organization, User
from accounts.tenancy import Actor, Role, Scope
from tests import factories


class TestActorFor:
    def test_holds_each_role(self, alice: User, organization: Organization, charlie: User) -> None:
        theirs = charlie.organizations.get()
        factories.join(theirs, alice, Role.VIEWER)

        assert actor_for(alice).roles == {organization.id: Role.OWNER, theirs.id: Role.VIEWER}

    def test_keeps_suspended_organizations_apart(self, alice: User, organization: Organization) -> None:
        services.suspend_organizations(ids=[organization.id], now=timezone.now())

        assert actor_for(alice).roles == {}
        assert actor_for(alice).suspended == {organization.id: Role.OWNER}


class TestActorForToken:
    def test_is_narrowed_to_the_organization_and_the_scopes(
        self, alice: User, organization: Organization, charlie: User
    ) -> None:
        factories.join(charlie.organizations.get(), alice, Role.OWNER)
        text = factories.make_token(alice, organization, Scope.READ)

        found = actor_for_token(text, now=timezone.now())

        assert found.user == alice
        assert found.roles == {organization.id: Role.VIEWER}
        assert found.token_id == ApiToken.objects.get().id

    def test_never_exceeds_the_role_held_now(self, alice: User, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization, Scope.WRITE)
        Membership.objects.filter(user=bob).update(role=Role.VIEWER)

        assert actor_for_token(text, now=timezone.now()).roles == {organization.id: Role.VIEWER}

    @pytest.mark.parametrize("change", ["revoked", "expired", "locked out", "left", "mistyped"])
    def test_is_refused_when(self, change: str, bob: User, organization: Organization) -> None:
        now = timezone.now()
        text = factories.make_token(bob, organization, expires_at=now + timedelta(days=1))
        changes: dict[str, Callable[[], object]] = {
            "revoked": lambda: ApiToken.objects.update(revoked_at=now),
            "expired": lambda: ApiToken.objects.update(expires_at=now),
            "locked out": lambda: User.objects.filter(pk=bob.pk).update(is_active=False),
            "left": lambda: Membership.objects.filter(user=bob).delete(),
            "mistyped": lambda: None,
        }
        actor_for_token(text, now=now)
        changes[change]()

        with pytest.raises(Unauthenticated):
            actor_for_token(text[:-4] + "AAAA" if change == "mistyped" else text, now=now)

    def test_notes_the_use_at_most_once_a_minute(self, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization)
        start = timezone.now()

        seen = []
        for seconds in (0, 59, 60):
            actor_for_token(text, now=start + timedelta(seconds=seconds))
            seen.append(ApiToken.objects.get().last_used_at)

        assert seen == [start, start, start + timedelta(seconds=60)]

    def test_stores_neither_the_token_nor_its_secret_part(self, bob: User, organization: Organization) -> None:
        text = factories.make_token(bob, organization)

        row = ApiToken.objects.values().get()

        assert text.rpartition("_")[2] not in str(row)


class TestBearerOf:
    def test_reads_the_header(self) -> None:
        assert bearer_of("Bearer slp_x") == "slp_x"
        assert bearer_of("bearer  slp_x ") == "slp_x"
        assert bearer_of("Bearer") == ""
        assert bearer_of("Basic abc") is None
        assert bearer_of("") is None


class TestNarrowed:
    def test_without_scopes_opens_nothing(self, alice: User, organization: Organization) -> None:
        assert actor_for(alice).narrowed(organization.id, []) == Actor(alice)
