"""pytest plugin: where the project's machine runs the tests, a skipped one is a failed one."""

from __future__ import annotations

import os

import pytest

IS_STRICT = os.environ.get("CI") == "true"
EXIT_CODE = 10  # not that of failed tests, of which some are tried again


def skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("skipped", [])) if reporter else []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    is_worker = hasattr(session.config, "workerinput")
    is_over = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if IS_STRICT and not is_worker and skipped(session.config) and is_over:
        session.exitstatus = EXIT_CODE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.stats.get("skipped", [])
    if IS_STRICT and reports:
        terminalreporter.section("skipped, which counts as failed here")
        for report in reports:
            terminalreporter.line(f"{report.nodeid}: {report.longrepr}")
