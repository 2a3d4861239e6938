"""Environments: one default, coming kinds refused, names unique, strangers kept out."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from accounts.auth import actor_for
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import Organization, User
from environments import configs, services
from environments.errors import EnvironmentInUse, KindNotAvailable
from environments.models import Environment, EnvironmentKind, MachineStatus

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def default_of(organization: Organization) -> Environment:
    return Environment.objects.get(organization=organization, is_default=True)


def add(user: User, organization: Organization, name: str = "second") -> Environment:
    return services.create_environment(
        actor=actor_for(user), organization_id=organization.id, name=name, kind="HOST", config={}, now=NOW
    )


class TestTheDefault:
    def test_is_made_with_the_organisation(self, organization: Organization) -> None:
        assert default_of(organization).kind == "HOST"

    def test_is_one_by_the_database(self, organization: Organization) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            services.create_default_environment(organization)

    def test_moves_when_another_is_chosen(self, alice: User, organization: Organization) -> None:
        second = add(alice, organization)

        services.update_environment(
            actor=actor_for(alice), id=second.id, name=None, description=None, is_default=True, now=NOW
        )

        assert default_of(organization) == second

    def test_cannot_be_deleted(self, alice: User, organization: Organization) -> None:
        with pytest.raises(Invalid):
            services.delete_environment(actor=actor_for(alice), now=NOW, id=default_of(organization).id)


class TestCreateEnvironment:
    def test_refuses_kinds_that_are_coming(
        self, alice: User, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(configs, "BACKENDS", frozenset({EnvironmentKind.HOST}))
        with pytest.raises(KindNotAvailable):
            services.create_environment(
                actor=actor_for(alice),
                organization_id=organization.id,
                name="d",
                kind="MODAL",
                config={},
                now=NOW,
            )

        assert Environment.objects.filter(organization=organization).count() == 1

    def test_refuses_a_name_that_is_taken(self, alice: User, organization: Organization) -> None:
        add(alice, organization)

        with pytest.raises(Conflict):
            add(alice, organization)

    @pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "a\nb"])
    def test_refuses_bad_names(self, alice: User, organization: Organization, name: str) -> None:
        with pytest.raises(Invalid):
            add(alice, organization, name)

    def test_is_for_admins(self, bob: User, charlie: User, organization: Organization) -> None:
        with pytest.raises(Forbidden):
            add(bob, organization)
        with pytest.raises(NotFound):
            add(charlie, organization)


class TestChooseEnvironment:
    def test_takes_the_asked_one_then_the_preferred_then_the_default(
        self, alice: User, organization: Organization
    ) -> None:
        actor, second, third = actor_for(alice), add(alice, organization), add(alice, organization, "third")

        def choose(asked: Environment | None, preferred: Environment | None) -> Environment:
            return services.choose_environment(
                actor=actor,
                organization_id=organization.id,
                environment_id=asked.id if asked else None,
                preferred=preferred,
            ).environment

        assert choose(second, third) == second
        assert choose(None, third) == third
        assert choose(None, None) == default_of(organization)

    def test_does_not_see_a_strangers(self, alice: User, charlie: User, organization: Organization) -> None:
        foreign = Environment.objects.exclude(organization=organization).get(organization__members=charlie)

        for id in (foreign.id, uuid.uuid4()):
            with pytest.raises(NotFound):
                services.choose_environment(
                    actor=actor_for(alice), organization_id=organization.id, environment_id=id, preferred=None
                )


class TestDeleteEnvironment:
    def test_refuses_while_a_machine_runs_in_it(self, alice: User, organization: Organization) -> None:
        second = add(alice, organization)
        machine = services.create_machine(second, subject_id=uuid.uuid4())

        with pytest.raises(EnvironmentInUse):
            services.delete_environment(actor=actor_for(alice), now=NOW, id=second.id)

        services.machine_ended(machine_id=machine.id, status=MachineStatus.STOPPED, reason="", now=machine.created_at)
        services.delete_environment(actor=actor_for(alice), now=NOW, id=second.id)
        assert not Environment.objects.filter(pk=second.pk).exists()


class TestUpdateEnvironment:
    def test_says_when_the_name_is_taken(self, alice: User, organization: Organization) -> None:
        second = add(alice, organization)

        with pytest.raises(Conflict):
            services.update_environment(
                actor=actor_for(alice),
                id=second.id,
                name=default_of(organization).name,
                description=None,
                is_default=None,
                now=NOW,
            )

    @pytest.mark.django_db(transaction=True)
    def test_leaves_one_default_when_two_are_chosen_at_once(self, alice: User, organization: Organization) -> None:
        actor = actor_for(alice)
        ids = [add(alice, organization, f"number {number}").pk for number in range(4)]

        def choose(id: uuid.UUID) -> None:
            try:
                services.update_environment(actor=actor, id=id, name=None, description=None, is_default=True, now=NOW)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(choose, ids))

        assert default_of(organization).pk in ids


class TestMultiTenancy:
    def test_refuses_sandboxes_that_share_the_kernel(
        self, alice: User, organization: Organization, settings: Settings
    ) -> None:
        settings.TENANCY = "multi"
        actor, environment = actor_for(alice), default_of(organization)

        with pytest.raises(KindNotAvailable):
            services.choose_environment(
                actor=actor, organization_id=organization.id, environment_id=None, preferred=None
            )
        with pytest.raises(KindNotAvailable):
            add(alice, organization)
        with pytest.raises(KindNotAvailable):
            services.create_machine(environment)
