"""Rows and signed-in browsers for the tests of pages."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Organization, User
from projects.models import Project, ProjectSource, ProjectStatus
from sessions.models import AgentSession


@pytest.fixture
def project(organization: Organization) -> Project:
    return Project.objects.create(
        organization=organization, name="shop", source=ProjectSource.EMPTY, status=ProjectStatus.READY
    )


@pytest.fixture
def session(project: Project) -> AgentSession:
    return AgentSession.objects.create(
        organization=project.organization,
        project=project,
        name="fix-login",
        model="sonnet",
        base_branch="main",
        base_commit="0" * 40,
        branch="slipway/fix-login",
    )


def browser(user: User | None = None) -> Client:
    """A browser, signed in as this user if there is one."""
    client = Client()
    if user is not None:
        client.force_login(user)
        named = user.organizations.filter(is_personal=False).first()  # signing in made a personal one
        client.get("/", {"organization": str(named.pk)} if named else {})
    return client
