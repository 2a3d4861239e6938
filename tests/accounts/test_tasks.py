"""The upkeep of accounts, as the worker runs it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import tasks

pytestmark = pytest.mark.django_db


class TestPruneBrowserSessions:
    async def test_deletes_expired_ones(self) -> None:
        for name, days in (("gone", -1), ("open", 1)):
            expires = timezone.now() + timedelta(days=days)
            await Session.objects.acreate(session_key=name, session_data="", expire_date=expires)

        await tasks.prune_browser_sessions(timestamp=0)

        assert (await Session.objects.aget()).session_key == "open"
