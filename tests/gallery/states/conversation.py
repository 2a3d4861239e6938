"""What stands in the conversation's column: every kind of thing, folded and unfolded."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.gallery.state import View, state
from tests.gallery.world import World
from tests.journeys.browsing import TURN_MS

TOP = """() => {
    const view = document.querySelector("slw-conversation");
    view.scrollTop = 0;
    view.dispatchEvent(new Event("scroll"));
}"""


def _at_the_top(page: Page) -> None:
    page.wait_for_timeout(300)
    page.evaluate(TOP)


def _unfold(page: Page) -> None:
    _at_the_top(page)
    for tool in page.locator(".tool > summary").all()[:8]:
        tool.click()
    page.evaluate(TOP)


def _scroll_to(page: Page, text: str) -> None:
    """Upwards: only what is near is in the page."""
    expect(page.locator(".turn-footer").last).to_be_attached(timeout=TURN_MS)
    wanted = page.get_by_text(text).first
    for _ in range(50):
        if wanted.count():
            break
        page.locator("slw-conversation").evaluate("view => { view.scrollTop -= 300; }")
        page.wait_for_timeout(50)
    wanted.scroll_into_view_if_needed()


def _unfold_the_edit(page: Page) -> None:
    edit = page.locator(".tool > summary", has_text="auth/views.py").last
    edit.click()
    edit.scroll_into_view_if_needed()


def _unfold_the_failed_one(page: Page) -> None:
    _at_the_top(page)
    failed = page.locator(".tool > summary", has_text="npm test").first
    failed.click()
    failed.scroll_into_view_if_needed()


@state
def beginning(world: World) -> View:
    return View(world.alice, world.tools, _at_the_top, shows=".tool")


@state
def end(world: World) -> View:
    return View(world.alice, world.tools, shows=".turn-footer")


@state
def unfolded(world: World) -> View:
    return View(world.alice, world.tools, _unfold, shows=".tool")


@state
def markdown(world: World) -> View:
    return View(world.alice, world.tools, lambda page: _scroll_to(page, "What I found"), shows=".tool")


@state
def edit(world: World) -> View:
    return View(world.alice, world.tools, _unfold_the_edit, shows=".tool")


@state
def failed_command(world: World) -> View:
    return View(world.alice, world.tools, _unfold_the_failed_one, shows=".tool")


@state
def sub_agent(world: World) -> View:
    return View(world.alice, world.tools, lambda page: _scroll_to(page, "Ask somebody else"), shows=".tool")


def _scrolled_up(page: Page) -> None:
    expect(page.locator(".turn-footer").last).to_be_attached(timeout=TURN_MS)
    page.wait_for_timeout(300)
    page.locator("slw-conversation").evaluate("view => { view.scrollTop -= 2000; }")
    page.wait_for_timeout(300)


@state
def three_thousand_events(world: World) -> View:
    return View(world.alice, world.long, _scrolled_up, shows=".tool")
