"""Critical errors, grouped by what went wrong and kept for the operator; never raises into what was logged."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from config.observability import redaction
from runtime import metrics

ROOT = str(Path(__file__).resolve().parents[2])
IDS = ("request_id", "organization_id", "session_id", "job_id")
MAX_QUEUED = 1000  # beyond them errors are counted in the metrics only
MAX_KINDS = 500
KEPT_FOR = timedelta(days=30)
FLUSH_EVERY_S = 2.0
MAX_TRACEBACK = 20_000  # characters, of the end

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@dataclass(frozen=True)
class Report:
    """One error, or several of a kind, without secrets."""

    logger: str
    event: str
    error: str
    detail: str
    place: str
    traceback: str
    seen_at: datetime
    ids: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    first_seen_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """What makes errors the same: who said what, the class, and where in our code; not the words of the moment."""
        return hashlib.sha256("\0".join((self.logger, self.event, self.error, self.place)).encode()).hexdigest()


class ReportHandler(logging.Handler):
    """Hands each error to the reporter that runs, if one does."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            metrics.ERRORS.labels(metrics.label(record.name)).inc()
            for take in list(_takers):
                take(record)
        except Exception:  # an error about an error helps nobody, and must not reach who logged it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        metrics.ERRORS.labels("config.observability.reports").inc()


_takers: list[Callable[[logging.LogRecord], None]] = []


def listen(take: Callable[[logging.LogRecord], None]) -> None:
    """Call this for every error from now on; it may not block."""
    _takers.append(take)


def unlisten(take: Callable[[logging.LogRecord], None]) -> None:
    if take in _takers:
        _takers.remove(take)


class Reporter:
    """Writes what comes by, grouped, every few seconds, from a thread of its own; waits for a database that is away."""

    def __init__(self, role: str = "") -> None:
        self.role = role
        self._queue: queue.Queue[Report] = queue.Queue(MAX_QUEUED)
        self._kept: dict[str, Report] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="error reports", daemon=True)

    def start(self) -> None:
        listen(self.take)
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        unlisten(self.take)
        self._stopping.set()
        self._thread.join(timeout_s)

    def take(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is not self._thread:
            try:
                self._queue.put_nowait(report_of(record))
            except queue.Full:
                metrics.ERRORS.labels("config.observability.reports").inc()

    def _run(self) -> None:
        while not self._stopping.wait(FLUSH_EVERY_S):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Write what has gathered; what cannot be written now is tried again."""
        from django.db import Error, InterfaceError, OperationalError, connection

        self._gather()
        if not self._kept:
            return
        try:
            store(list(self._kept.values()), role=self.role)
            self._kept.clear()
        except (OperationalError, InterfaceError):
            metrics.OUTAGES.labels("database").inc()
        except Error:
            self._kept.clear()  # one that cannot be stored must not hold up the others
            metrics.ERRORS.labels("config.observability.reports").inc()
        finally:
            if threading.current_thread() is self._thread:
                connection.close()

    def _gather(self) -> None:
        while True:
            try:
                report = self._queue.get_nowait()
            except queue.Empty:
                return
            known = self._kept.get(report.fingerprint)
            if known is not None:
                first = known.first_seen_at or known.seen_at
                self._kept[report.fingerprint] = replace(report, count=known.count + 1, first_seen_at=first)
            elif len(self._kept) < MAX_KINDS:
                self._kept[report.fingerprint] = report


def report_of(record: logging.LogRecord) -> Report:
    """What is kept of a log record: structlog's, whose message is a dict, or any other library's."""
    from django.utils import timezone

    said: Mapping[str, Any] = record.msg if isinstance(record.msg, dict) else {"event": record.msg}
    context = {**structlog.contextvars.get_contextvars(), **said}
    exc = exc_info_of(record, said)
    detail = (
        str(exc[1]) if exc else str(said.get("error") or ("" if isinstance(record.msg, dict) else _message(record)))
    )
    return Report(
        logger=record.name[:100],
        event=redaction.redact_text(str(said.get("event", "")))[:200],
        error=exc[0].__name__[:100] if exc else "",
        detail=_clean(redaction.redact_text(detail))[:1000],
        place=_place(exc[2]) if exc else "",
        traceback=_clean(redaction.redact_text("".join(traceback.format_exception(*exc)))[-MAX_TRACEBACK:])
        if exc
        else "",
        seen_at=timezone.now(),
        ids={name: _clean(str(context[name]))[:64] for name in IDS if context.get(name)},
    )


def exc_info_of(record: logging.LogRecord, said: Mapping[str, Any]) -> ExcInfo | None:
    """The exception that a record speaks of, in whichever way it was handed over."""
    found = said.get("exc_info") or record.exc_info
    if isinstance(found, BaseException):
        return type(found), found, found.__traceback__
    if isinstance(found, tuple) and found[0] is not None:
        return found
    return None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)


def _place(trace: TracebackType | None) -> str:
    """`file:function` of the innermost frame in our own code, else of the innermost one."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if frame.filename.startswith(ROOT) and "/.venv/" not in frame.filename]
    found = (ours or frames)[-1:]
    return f"{found[0].filename.removeprefix(ROOT + '/')}:{found[0].name}"[:200] if found else ""


def _clean(text: str) -> str:
    """What PostgreSQL can store."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


_UPSERT = """
INSERT INTO config_errorreport (fingerprint, logger, event, error, detail, place, traceback, count, first_seen_at,
    last_seen_at, role, request_id, organization_id, session_id, job_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (fingerprint) DO UPDATE SET
    count = config_errorreport.count + excluded.count, last_seen_at = excluded.last_seen_at, detail = excluded.detail,
    traceback = excluded.traceback, role = excluded.role, request_id = excluded.request_id,
    organization_id = excluded.organization_id, session_id = excluded.session_id, job_id = excluded.job_id
"""


def store(reports: list[Report], *, role: str = "") -> None:
    """Add to the groups, several processes at once if need be, and drop what is old or too much."""
    from django.db import connection, transaction
    from django.utils import timezone

    from config.models import ErrorReport

    rows = [_row(report, role) for report in sorted(reports, key=lambda one: one.fingerprint)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_UPSERT, rows)
        ErrorReport.objects.filter(last_seen_at__lt=timezone.now() - KEPT_FOR).delete()
        kept = ErrorReport.objects.order_by("-last_seen_at").values("pk")[:MAX_KINDS]
        ErrorReport.objects.exclude(pk__in=kept).delete()


def _row(report: Report, role: str) -> tuple[Any, ...]:
    ids = [report.ids.get("request_id", ""), *(report.ids.get(name, "")[:36] for name in IDS[1:])]
    said = (report.fingerprint, report.logger, _clean(report.event), report.error, report.detail, report.place)
    seen = (report.count, report.first_seen_at or report.seen_at, report.seen_at)
    return (*said, report.traceback, *seen, role, *ids)
