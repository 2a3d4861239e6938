"""Critical errors in groups: what makes them the same, what is kept, and that nothing of it can do harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.db import OperationalError
from django.utils import timezone

from config.models import ErrorReport
from config.observability import reports
from config.observability.reports import Reporter, ReportHandler, report_of


def broken(words: str) -> Exception:
    try:
        raise ValueError(words)
    except ValueError as error:
        return error


def record(event: str = "turn broke", error: Exception | None = None, **said: Any) -> logging.LogRecord:
    """As structlog hands it to the standard library."""
    message = {"event": event, "exc_info": error, **said}
    return logging.LogRecord("sessions.engine.runner", logging.ERROR, "x.py", 1, message, (), None)


class TestReportOf:
    def test_has_the_ids_of_the_context(self) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r-1", session_id="s-1"):
            report = report_of(record(job_id="j-1"))

        assert report.ids == {"request_id": "r-1", "session_id": "s-1", "job_id": "j-1"}

    def test_names_our_own_line(self) -> None:
        report = report_of(record(error=broken("odd")))

        assert (report.error, report.detail) == ("ValueError", "odd")
        assert report.place == "tests/config/observability/test_reports.py:broken"
        assert report.traceback.endswith("ValueError: odd\n")

    def test_holds_no_secret(self) -> None:
        report = report_of(record("Bearer abcdefghijkl", error=broken("postgresql://u:hunter22@h/d")))
        assert "hunter22" not in report.traceback + report.detail
        assert "abcdefghijkl" not in report.event

    def test_reads_what_other_libraries_log(self) -> None:
        plain = logging.LogRecord("django.request", logging.ERROR, "x.py", 1, "Internal: %s", ("/api/x",), None)
        report = report_of(plain)
        assert (report.event, report.detail) == ("Internal: %s", "Internal: /api/x")

    def test_survives_what_cannot_be_stored(self) -> None:
        report = report_of(record(error=broken("nul \0 and half a pair \ud83d")))
        report.detail.encode()
        assert "\0" not in report.detail + report.traceback


class TestFingerprint:
    def test_is_the_same_whatever_the_words(self) -> None:
        assert report_of(record(error=broken("a"))).fingerprint == report_of(record(error=broken("b"))).fingerprint

    def test_differs_by_event(self) -> None:
        assert report_of(record("a")).fingerprint != report_of(record("b")).fingerprint


@pytest.fixture
def reporter() -> Reporter:
    return Reporter("worker")


class TestReporter:
    def test_counts_errors_of_a_kind_in_one_row(self, db: None, reporter: Reporter) -> None:
        for words in ("first", "second", "third"):
            reporter.take(record(error=broken(words)))
        reporter.flush()
        reporter.take(record(error=broken("fourth"), session_id="s-4"))
        reporter.flush()

        row = ErrorReport.objects.get()
        assert (row.count, row.detail, row.session_id, row.role) == (4, "fourth", "s-4", "worker")
        assert row.first_seen_at <= row.last_seen_at

    def test_keeps_the_newest_kinds_only(self, db: None, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reports, "MAX_KINDS", 3)
        for number in range(5):
            reporter.take(record(f"kind {number}"))
            reporter.flush()
        assert set(ErrorReport.objects.values_list("event", flat=True)) == {"kind 2", "kind 3", "kind 4"}

    def test_drops_what_is_old(self, db: None, reporter: Reporter) -> None:
        reporter.take(record("old"))
        reporter.flush()
        ErrorReport.objects.update(last_seen_at=timezone.now() - timedelta(days=31))
        reporter.take(record("new"))
        reporter.flush()
        assert ErrorReport.objects.get().event == "new"

    def test_waits_for_a_database_that_is_away(
        self, db: None, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any, **__: Any) -> None:
            raise OperationalError("gone")

        with monkeypatch.context() as patched:
            patched.setattr(reports, "store", away)
            reporter.take(record("meanwhile"))
            reporter.flush()
            reporter.take(record("meanwhile"))
            reporter.flush()
        reporter.flush()
        assert ErrorReport.objects.get().count == 2

    def test_a_flood_neither_blocks_nor_grows(self, reporter: Reporter) -> None:
        for _ in range(reports.MAX_QUEUED * 2):
            reporter.take(record())
        assert reporter._queue.qsize() == reports.MAX_QUEUED

    def test_writes_by_itself_and_once_more_when_it_stops(self, transactional_db: None, reporter: Reporter) -> None:
        reporter.start()
        logger = logging.Logger("some.where")
        logger.addHandler(ReportHandler())
        logger.error("the disk is on fire")
        reporter.stop()

        assert ErrorReport.objects.get().event == "the disk is on fire"
        assert reporter.take not in reports._takers
        assert "error reports" not in {thread.name for thread in threading.enumerate()}


class TestReportHandler:
    @pytest.fixture
    def hostile(self) -> Iterator[None]:
        def take(record: logging.LogRecord) -> None:
            raise RuntimeError("the reporter itself is broken")

        reports.listen(take)
        yield
        reports.unlisten(take)

    def test_never_raises_into_what_was_logged(self, hostile: None) -> None:
        ReportHandler().emit(record())
