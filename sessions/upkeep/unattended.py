"""Which sessions nobody works on: no job that is not over, and no task that runs or waits for them."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from procrastinate.contrib.django.models import ProcrastinateJob

from sessions import dispatch
from sessions.models import AgentSession, Job, JobStatus

NOT_OVER = (JobStatus.PENDING, JobStatus.PROCESSING)


def without_tasks(sessions: QuerySet[AgentSession]) -> QuerySet[AgentSession]:
    """Those that no worker holds or is about to take."""
    lock = Concat(Value(dispatch.LOCK), Cast(OuterRef("pk"), TextField()))
    return sessions.filter(~Exists(ProcrastinateJob.objects.filter(lock=lock, status__in=("todo", "doing"))))


def unattended(sessions: QuerySet[AgentSession]) -> QuerySet[AgentSession]:
    """Those that nobody works on or is going to."""
    jobs = Job.objects.filter(session=OuterRef("pk"), status__in=NOT_OVER)
    return without_tasks(sessions).filter(~Exists(jobs))
