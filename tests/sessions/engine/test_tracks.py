"""A job's ids, times and trace, from the request that asked for it to the worker that did it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import structlog
from channels.db import database_sync_to_async as in_db
from django.utils import timezone
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from accounts.models import Organization, User
from runtime import metrics, tracing
from sessions import services
from sessions.engine import claims, tracks
from sessions.models import Job, JobStatus
from tests.sessions import rows


@pytest.fixture
def spans() -> Any:
    exporter = InMemorySpanExporter()
    tracing.record(SimpleSpanProcessor(exporter), service="test", version="0")
    yield exporter
    tracing.shutdown()


@pytest.fixture(autouse=True)
def nothing_bound() -> None:
    """A request of an earlier test leaves its id behind, since Django logs after our middleware."""
    structlog.contextvars.clear_contextvars()


def sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def sent(organization: Organization, user: User) -> Job:
    session = rows.make_session(organization)
    with structlog.contextvars.bound_contextvars(request_id="request-of-the-user"):
        return services.send_message(session=session, author=user, text="hello", now=timezone.now()).job


def claimed(job: Job) -> claims.Turn:
    turn = claims.claim(session_id=job.session_id, job_id=job.pk, now=timezone.now())
    assert turn is not None
    return turn


class TestFollowed:
    async def test_binds_who_asked_for_what(self, organization: Organization, alice: User) -> None:
        job = await in_db(sent)(organization, alice)
        turn = await in_db(claimed)(job)

        async with tracks.followed(turn):
            bound = structlog.contextvars.get_contextvars()

        assert bound == {
            "organization_id": str(organization.pk),
            "session_id": str(job.session_id),
            "job_id": str(job.pk),
            "request_id": "request-of-the-user",
            "user_id": str(alice.pk),
        }
        assert structlog.contextvars.get_contextvars() == {}

    async def test_counts_the_wait_of_a_fresh_start_only(self, organization: Organization, alice: User) -> None:
        turn = await in_db(claimed)(await in_db(sent)(organization, alice))
        before = sample("slipway_job_wait_seconds_count")

        async with tracks.followed(turn):
            pass
        await in_db(Job.objects.update)(started_at=timezone.now() - timedelta(minutes=1))
        async with tracks.followed(turn):  # taken over from a worker that died
            pass

        assert sample("slipway_job_wait_seconds_count") == before + 1

    async def test_counts_the_end_by_its_outcome(self, organization: Organization, alice: User) -> None:
        turn = await in_db(claimed)(await in_db(sent)(organization, alice))
        before = sample("slipway_job_seconds_count", outcome="COMPLETED")

        async with tracks.followed(turn):
            await in_db(Job.objects.update)(status=JobStatus.COMPLETED, finished_at=timezone.now())

        assert sample("slipway_job_seconds_count", outcome="COMPLETED") == before + 1

    async def test_a_job_handed_back_is_not_over(self, organization: Organization, alice: User) -> None:
        turn = await in_db(claimed)(await in_db(sent)(organization, alice))
        before = [sample("slipway_job_seconds_count", outcome=outcome) for outcome in JobStatus.values]

        async with tracks.followed(turn):
            pass

        assert [sample("slipway_job_seconds_count", outcome=outcome) for outcome in JobStatus.values] == before

    async def test_joins_the_trace_of_the_request(
        self, organization: Organization, alice: User, spans: InMemorySpanExporter
    ) -> None:
        with tracing.span("POST /api/sessions/<id>/messages"):
            job = await in_db(sent)(organization, alice)
        turn = await in_db(claimed)(job)
        async with tracks.followed(turn):
            pass

        request, work = spans.get_finished_spans()
        assert (request.name, work.name) == ("POST /api/sessions/<id>/messages", "job")
        assert work.context.trace_id == request.context.trace_id
        assert work.parent is not None
        assert work.parent.span_id == request.context.span_id
        assert dict(work.attributes or {})["session_id"] == str(job.session_id)
