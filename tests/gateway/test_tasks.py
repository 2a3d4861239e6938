"""The gateway's upkeep, as the worker runs it."""

from __future__ import annotations

import datetime as dt
import uuid

from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import Organization
from gateway import services, tasks
from gateway.models import GatewayToken


class TestPruneTokens:
    async def test_deletes_dead_ones(self, organization: Organization) -> None:
        for age in (dt.timedelta(days=30), dt.timedelta()):
            await sync_to_async(services.issue_token)(
                organization_id=organization.pk, subject_id=uuid.uuid4(), now=timezone.now() - age
            )

        await tasks.prune_tokens(timestamp=0)

        assert await GatewayToken.objects.acount() == 1
