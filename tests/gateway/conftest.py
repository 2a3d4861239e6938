"""A session's token, and a deployment with a key."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Organization
from gateway import services

DEPLOYMENT_KEY = "sk-ant-deployment-canary-0001"
SUBJECT = uuid.UUID(int=7)


@pytest.fixture
def deployment_key(settings: Settings) -> str:
    settings.ANTHROPIC_API_KEY = DEPLOYMENT_KEY
    return DEPLOYMENT_KEY


@pytest.fixture
def token(organization: Organization) -> str:
    """A live token of one session of `acme`."""
    return services.issue_token(organization_id=organization.pk, subject_id=SUBJECT, now=timezone.now())
