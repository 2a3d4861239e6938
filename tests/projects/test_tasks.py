"""The jobs in a real worker on a real queue: an import, one that is cut off, and the removal of a vault."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from django.utils import timezone
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Organization, User
from accounts.tenancy import Actor
from projects import services, tasks
from projects.models import ImportStatus, Project, ProjectImport, ProjectStatus
from projects.repository import scratch_root, vault_root
from projects.vault import Vault
from tests.client import session_key
from tests.projects.serving import GitServer

pytestmark = pytest.mark.django_db(transaction=True)


def _create(actor: Actor, organization: Organization, server: GitServer) -> Project:
    return services.create_project(
        actor=actor,
        organization_id=organization.id,
        name="cloned",
        source="URL",
        url=server.url("repo.git"),
        now=timezone.now(),
    )


async def _work(*, wait: bool = False) -> None:
    """Do what is in the queue, as a worker does it; with `wait` until cancelled."""
    connector = cast(PsycopgConnector, django_app.connector.get_worker_connector())  # type: ignore[attr-defined]
    app = django_app.with_connector(connector)
    async with app.open_async():
        await app.run_worker_async(
            queues=[tasks.QUEUE],
            wait=wait,
            listen_notify=False,
            install_signal_handlers=False,
            shutdown_graceful_timeout=0.1,
        )


async def _row(project: Project) -> ProjectImport:
    return await ProjectImport.objects.select_related("project").aget(project=project)


class TestImportUrl:
    async def test_fills_the_vault(self, alice_actor: Actor, organization: Organization, server: GitServer) -> None:
        project = await sync_to_async(_create)(alice_actor, organization, server)

        await _work()

        row = await _row(project)
        assert (row.status, row.project.status) == (ImportStatus.COMPLETED, ProjectStatus.READY)
        assert Vault(project.pk).branches()

    async def test_hands_the_import_back_when_the_worker_stops(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = await sync_to_async(_create)(alice_actor, organization, server)
        server.delay_s = 20
        running = asyncio.create_task(_work(wait=True))
        async with asyncio.timeout(10):
            while (await _row(project)).status != ImportStatus.RUNNING:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)

        running.cancel()
        await asyncio.wait([running], timeout=10)

        assert (await ProcrastinateJob.objects.aget(task_name="projects.import_url")).status == "todo"
        assert (await _row(project)).status == ImportStatus.RUNNING
        assert not list(scratch_root().iterdir())
        server.delay_s = 0
        await _work()
        assert (await _row(project)).status == ImportStatus.COMPLETED

    async def test_tells_of_a_fault_of_the_server_without_its_details(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = await sync_to_async(_create)(alice_actor, organization, server)
        scratch_root().rmdir()
        (vault_root() / ".incoming").write_text("in the way")

        with pytest.raises(OSError, match="exists"):
            await tasks.import_url(import_id=str((await _row(project)).pk))

        row = await _row(project)
        assert (row.status, row.project.status) == (ImportStatus.FAILED, ProjectStatus.FAILED)
        assert row.error == "The import failed by a fault of the server."

    async def test_tolerates_an_unknown_id(self, db: None) -> None:
        await tasks.import_url(import_id="0192f7c1-0000-7000-8000-000000000000")


class TestRescueImports:
    async def test_ends_an_import_whose_worker_died(
        self, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = await sync_to_async(_create)(alice_actor, organization, server)
        long_ago = timezone.now() - timedelta(minutes=5)
        await ProjectImport.objects.filter(project=project).aupdate(status="RUNNING", heartbeat_at=long_ago)

        await tasks.rescue_imports(timestamp=0)

        assert (await _row(project)).status == ImportStatus.FAILED


class TestRemoveVault:
    async def test_takes_the_repository_of_a_deleted_project_away(
        self, alice_actor: Actor, organization: Organization
    ) -> None:
        make = sync_to_async(services.create_project)
        project = await make(
            actor=alice_actor, organization_id=organization.id, name="x", source="EMPTY", now=timezone.now()
        )
        await sync_to_async(services.delete_project)(actor=alice_actor, id=project.pk, now=timezone.now())

        await _work()

        assert not Vault(project.pk).path.exists()
        done = ProcrastinateJob.objects.filter(status="succeeded", args={"project_id": str(project.pk)})
        assert await done.acount() == 1


class TestStream:
    async def test_follows_an_import_through_the_asynchronous_server(
        self, alice: User, alice_actor: Actor, organization: Organization, server: GitServer
    ) -> None:
        project = await sync_to_async(_create)(alice_actor, organization, server)
        client = AsyncClient()
        client.cookies["sessionid"] = await sync_to_async(session_key)(alice)

        answer: Any = await client.get(f"/api/projects/{project.pk}/import/stream")
        frames = [await anext(answer.streaming_content)]
        await _work()
        async for frame in answer.streaming_content:
            frames.append(frame)

        assert b'"status":"PENDING"' in frames[0]
        assert b'"status":"COMPLETED"' in frames[-1]
        assert len(frames) == len(set(frames))
