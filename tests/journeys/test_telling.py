"""A journey that fails tells why in the report; one that passes tells nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.server import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CONFTEST = """
import pytest
from tests.journeys.conftest import browser, pytest_runtest_makereport
from tests.journeys.server import Server

@pytest.fixture
def server(tmp_path):
    (tmp_path / "serve.log").write_text("x" * 5000 + " the worker is out of breath")
    return Server(tmp_path, 1)
"""
JOURNEYS = """
import pytest
from tests.journeys.browsing import new_context

@pytest.fixture
def page(browser, server):
    context = new_context(browser)
    page = context.new_page()
    page.route("http://slipway.test/*", lambda route: route.fulfill(
        status=503 if "api" in route.request.url else 200, content_type="text/html", body="Nothing has started yet"))
    yield page
    context.close()

def test_that_fails(page):
    page.goto("http://slipway.test/sessions")
    page.evaluate("console.error('a broken promise')")
    page.evaluate("fetch('/api').then(answer => answer.text())")
    page.get_by_text("Practice model").click(timeout=100)

def test_that_is_cut_short(page):
    page.goto("http://slipway.test/other")
    pytest.fail("Timeout (>120.0s) from pytest-timeout.")

def test_that_passes(page):
    page.goto("http://slipway.test/fine")
"""


def run(folder: Path) -> str:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(JOURNEYS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
        "-c",
        "pytest.ini",
        ".",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert "2 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    return done.stdout


class TestAFailedJourney:
    def test_tells_what_its_pages_showed_and_met_and_what_its_server_wrote(self, tmp_path: Path) -> None:
        told = run(tmp_path)

        failed, cut_short = told.split("_ test_that_is_cut_short _")
        assert "the page http://slipway.test/sessions" in failed
        assert "Nothing has started yet" in failed
        assert "error: a broken promise" in failed
        assert "503: GET http://slipway.test/api" in failed
        assert "the worker is out of breath" in failed
        assert "x" * 4000 not in failed
        assert "the page http://slipway.test/other" in cut_short
        assert "(was not asked)" in cut_short
        assert "slipway.test/fine" not in told
