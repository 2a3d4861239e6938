"""Jobs of projects: imports from a URL, removal of vaults, and the rescue of imports whose worker died."""

from __future__ import annotations

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from django.db import connections
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.handover import HandOn
from projects import imports, services
from projects.errors import ImportHalted

QUEUE = "imports"
# Git does the work; a thread only waits for it. The number is that of imports at one time in one process.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="import")


@app.task(name="projects.import_url", queue=QUEUE, retry=HandOn())
async def import_url(*, import_id: str) -> None:
    """One import; when the worker stops, git is stopped and the job goes back to the queue."""
    halted = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(_threads, _import, uuid.UUID(import_id), halted)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        halted.set()
        await asyncio.wait([future])
        raise


def _import(import_id: uuid.UUID, halted: threading.Event) -> None:
    try:
        imports.run(import_id, is_halted=halted.is_set)
    except ImportHalted:
        return
    except Exception:
        imports.fail(import_id)
        raise
    finally:
        connections.close_all()


@app.task(name="projects.remove_vault", queue=QUEUE, retry=HandOn())
async def remove_vault(*, project_id: str) -> None:
    await asyncio.get_running_loop().run_in_executor(_threads, _remove_vault, uuid.UUID(project_id))


def _remove_vault(project_id: uuid.UUID) -> None:
    try:
        services.remove_vault(project_id)
    finally:
        connections.close_all()


@app.periodic(cron="* * * * *")
@app.task(name="projects.rescue_imports", queue=QUEUE, queueing_lock="projects.rescue_imports")
async def rescue_imports(timestamp: int) -> None:
    await asyncio.get_running_loop().run_in_executor(_threads, _rescue)


def _rescue() -> None:
    try:
        imports.rescue(now=timezone.now())
    finally:
        connections.close_all()
