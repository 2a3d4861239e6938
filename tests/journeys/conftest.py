"""One real server for all journeys of a run, and the people who use it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.browsing import Visitor, chromium
from tests.journeys.person import Person
from tests.journeys.server import Server, running

Visit = Callable[..., Visitor]
Shoot = Callable[[Page, str], None]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def person(server: Server) -> Callable[[str], Person]:
    """`person("alice")` is someone new who has signed up."""

    def make(name: str) -> Person:
        someone = Person(server, f"{name}{next(_numbers)}@example.com")
        someone.sign_up()
        return someone

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Shoot:
    """`shoot(page, "queue")` keeps a picture of the page when the run asks for pictures."""
    folder = request.config.getoption("--screenshots")

    def take(page: Page, name: str) -> None:
        if folder:
            width = page.viewport_size["width"] if page.viewport_size else 0
            page.screenshot(path=Path(folder) / f"{name}-{width}.png")

    return take


@pytest.fixture
def visit(server: Server, browser: Browser) -> Iterator[Visit]:
    """`visit(size="phone")` is someone new with a browser, in whose pages nothing went wrong by the end."""
    visitors: list[Visitor] = []

    def come(**more: Any) -> Visitor:
        visitors.append(Visitor(server, browser, **more))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.close()
    assert [visitor.watch.wrong for visitor in visitors if visitor.watch.wrong] == []
