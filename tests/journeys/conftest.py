"""One real server for all journeys of a run, one that may be killed, and the people who use them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.journeys import telling
from tests.journeys.browsing import Visitor, Watch, chromium, new_context
from tests.journeys.person import Person
from tests.journeys.server import Server, running
from tests.projects.building import Worktree
from tests.projects.serving import GitServer, serve

Visit = Callable[..., Visitor]
Stranger = Callable[..., Page]
Shoot = Callable[[Page, str], None]
AT_BOTH_SIZES = pytest.mark.parametrize("alice", ["desktop", "phone"], indirect=True)  # where the width matters
_numbers = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A journey that failed tells what its pages showed and its servers wrote."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        is_interrupted = call.excinfo is not None and call.excinfo.errisinstance(pytest.fail.Exception)
        report.sections += telling.sections(item.funcargs.values(), is_interrupted=is_interrupted)
    return report


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A bare repository, `demo.git`, served over http on loopback."""
    root = tmp_path_factory.mktemp("git")
    Worktree.create(root / "work").git("clone", "--quiet", "--bare", ".", str(root / "demo.git"))
    with serve(root) as git_server:
        yield git_server


@pytest.fixture(scope="session")
def server(repository: GitServer) -> Iterator[Server]:
    """The one for every journey that kills nothing and needs no settings of its own; it may import `repository`."""
    with running(SLIPWAY_CLONE_PRIVATE_HOSTS=repository.origin) as started:
        yield started


@pytest.fixture(scope="session")
def _mortal() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def mortal(_mortal: Server) -> Iterator[Server]:
    """The one that may be killed; it is up again for the next journey."""
    yield _mortal
    if not _mortal.is_running:
        _mortal.start()


@pytest.fixture
def person(server: Server) -> Callable[[str], Person]:
    """`person("alice")` is someone new who has signed up."""

    def make(name: str) -> Person:
        someone = Person(server, f"{name}{next(_numbers)}@example.com")
        someone.sign_up()
        return someone

    return make


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Gone when tests of another package come: Playwright's loop, which runs as long, would be in their way."""
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


@pytest.fixture
def alice(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    """Someone new at a desk, or as `AT_BOTH_SIZES` says."""
    return visit(size=getattr(request, "param", "desktop"))


@pytest.fixture
def stranger(server: Server, browser: Browser) -> Iterator[Stranger]:
    """`stranger("phone")` is a page in a browser where nobody is signed in, and nothing went wrong by the end."""
    watched: list[tuple[BrowserContext, Watch]] = []

    def come(size: str = "desktop", theme: str = "light") -> Page:
        context = new_context(browser, size, theme)
        watched.append((context, Watch(context, server.url)))
        return context.new_page()

    yield come
    for context, _ in watched:
        context.close()
    assert [watch.wrong for _, watch in watched if watch.wrong] == []
