"""How jobs outlive the worker that runs them."""

from __future__ import annotations

import asyncio

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

OUTAGE_PAUSE_S = 2


class HandOn(BaseRetryStrategy):
    """Back to the queue when the worker stops, or at an error that is an outage; other errors are the job's own."""

    def __init__(self, *outages: type[BaseException]) -> None:
        self.outages = outages

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, self.outages):
            return RetryDecision(retry_in={"seconds": OUTAGE_PAUSE_S})
        return None
