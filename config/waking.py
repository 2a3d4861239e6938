"""A job worker that sleeps until the database wakes it, instead of looking for work by itself all the time.

Procrastinate's notices tell of new jobs. Ours (migration 0002) also tell when a job may go on: the one before it has
given its lock back, or it was handed back itself.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
from procrastinate import App
from procrastinate import worker as procrastinate_worker
from procrastinate.jobs import Notification
from psycopg.abc import PQGen

# What no notice tells of is looked for: a job whose time has come, and what happened while nothing was heard.
SOON_S, LATER_S = 0.5, 5.0
SLOWER = 1.2  # by which each look puts off the next, as long as nothing is told
UNDISTURBED_S = 3600.0

T = TypeVar("T")


class Connection(psycopg.AsyncConnection[Any]):
    """One that waits without looking up; psycopg does so ten times a second for Ctrl-C, which the event loop has."""

    def wait(
        self, gen: PQGen[T], interval: float = UNDISTURBED_S, timeout: float | None = None
    ) -> Coroutine[Any, Any, T]:
        return super().wait(gen, interval, timeout)


class Worker(procrastinate_worker.Worker):
    """Looks for work when it is told of some, and by itself less and less often."""

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, fetch_job_polling_interval=SOON_S, **options)
        self._was_told = False

    async def run(self) -> None:
        """Until it is cancelled, or the database cannot be heard any more."""
        self.app.perform_import_paths()  # type: ignore[no-untyped-call]
        await super().run()  # type: ignore[no-untyped-call]

    async def _handle_notification(self, *, channel: str, notification: Notification) -> None:
        self._was_told = True
        self.fetch_job_polling_interval = SOON_S
        await super()._handle_notification(channel=channel, notification=notification)

    async def _fetch_and_process_jobs(self) -> None:
        """Again when a notice came during the look: it may be later than what was seen, and is forgotten after it."""
        self.fetch_job_polling_interval = min(self.fetch_job_polling_interval * SLOWER, LATER_S)
        self._was_told = True
        while self._was_told and not self._stop_event.is_set():
            self._was_told = False
            await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]
