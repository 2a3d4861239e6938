"""The operator's pages of environments and machines."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Organization, User
from environments import services
from environments.models import Environment, Machine


@pytest.fixture
def operator(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com", "x"))
    return client


@pytest.fixture
def machine(organization: Organization) -> Machine:
    return services.create_machine(Environment.objects.get(organization=organization))


class TestPages:
    def test_show_rows(self, operator: Client, machine: Machine) -> None:
        for path in ("machine", "environment"):
            row = machine if path == "machine" else machine.environment

            assert str(row.pk) in operator.get(f"/admin/environments/{path}/?q=acme").content.decode()
            assert operator.get(f"/admin/environments/{path}/{row.pk}/change/").status_code == 200

    def test_do_not_forget_a_machine_that_may_run(self, operator: Client, machine: Machine) -> None:
        for path in ("environments/machine", "environments/environment", "accounts/organization"):
            row = {"machine": machine, "environment": machine.environment}.get(path.rpartition("/")[2])
            pk = row.pk if row else machine.organization_id
            operator.post(f"/admin/{path}/{pk}/delete/", {"post": "yes"})

        assert Machine.objects.get() == machine
        assert Organization.objects.filter(pk=machine.organization_id).exists()
