"""A session's page, by what its agent is at."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.gallery import scripts
from tests.gallery.state import PHONE, View, on, state
from tests.gallery.world import World
from tests.journeys.browsing import TURN_MS

CARD = "section.permission"


def pane(page: Page, name: str) -> None:
    """On the phone one pane is shown at a time."""
    expect(page.locator("slw-composer textarea")).to_be_attached()
    bar = page.get_by_role("navigation", name="Panes")
    if bar.is_visible():
        bar.get_by_role("button", name=name).click()


def _ready(page: Page) -> None:
    expect(page.locator("slw-composer textarea")).to_be_enabled(timeout=TURN_MS)


def _always(page: Page) -> None:
    page.locator(CARD).get_by_role("button", name="Always").first.click()
    page.wait_for_timeout(200)


def _deny(page: Page) -> None:
    page.locator(CARD).get_by_role("button", name="Deny").click()


def _force(page: Page) -> None:
    page.get_by_role("button", name="Stop without saving…").click()


def _changes(page: Page) -> None:
    pane(page, "Changes")
    expect(page.get_by_role("region", name="Changes").get_by_text("cookies.md")).to_be_visible(timeout=TURN_MS)


@state
def empty(world: World) -> View:
    return View(world.alice, world.path("new-idea"), _ready)


@state
def starting(world: World) -> View:
    return View(world.alice, world.starting, shows=".start-steps")


@state
def streaming(world: World) -> View:
    return View(world.alice, world.path("explain-cookies"), shows=".prose")


@state
def tool_running(world: World) -> View:
    return View(world.alice, world.path("long-build"), shows=".tool")


@state
def permission_to_write(world: World) -> View:
    return View(world.alice, world.path("fix-login"), shows=CARD)


@state
def permission_to_run(world: World) -> View:
    return View(world.alice, world.path("run-tests"), shows=CARD)


@state
def permission_always(world: World) -> View:
    return View(world.alice, world.path("fix-login"), _always, shows=CARD)


@state
def permission_denying(world: World) -> View:
    return View(world.alice, world.path("run-tests"), _deny, shows=CARD)


@state
def permission_of_a_viewer(world: World) -> View:
    return View(world.vera, world.path("fix-login"), shows=CARD)


@state
def plan(world: World) -> View:
    return View(world.alice, world.path("plan-search"), shows=CARD)


@state
def question(world: World) -> View:
    return View(world.alice, world.path("pick-a-name"), shows=CARD)


@state
def queue(world: World) -> View:
    return View(world.alice, world.queue, shows=".queue")


@state
def background(world: World) -> View:
    return View(world.alice, world.background, _ready, shows=".turn-footer")


@state
def failed_turn(world: World) -> View:
    return View(world.alice, world.path("refused"), _ready, shows=".note.error")


@state
def exited_agent(world: World) -> View:
    return View(world.alice, world.path("dead"), _ready, shows=".note.error")


@state
def stopped(world: World) -> View:
    return View(world.alice, world.stopped, _ready)


@state
def too_little_memory(world: World) -> View:
    return View(
        world.alice, world.ended("big-build", "STOPPED", scripts.TOO_LITTLE_MEMORY), _ready, shows=".dock .note"
    )


@state
def too_old_a_sandbox(world: World) -> View:
    return View(world.alice, world.ended("long-lived", "STOPPED", scripts.TOO_OLD), _ready, shows=".dock .note")


@state
def not_stopped(world: World) -> View:
    return View(world.alice, world.refused, _ready, shows=".dock .note.warning")


@state
def stop_without_saving(world: World) -> View:
    return View(world.alice, world.refused, _force, shows="dialog[open]")


@state
def done(world: World) -> View:
    return View(world.alice, world.path("notes"), _ready, shows=".turn-footer")


def _find(page: Page) -> None:
    expect(page.locator(".turn-footer").last).to_be_attached(timeout=TURN_MS)  # who listens to the key is there by then
    page.keyboard.press("Control+f")
    page.get_by_label("Find in the conversation").fill("cookie")
    expect(page.locator(".find-count")).to_contain_text("of", timeout=TURN_MS)


def _restore(page: Page) -> None:
    _ready(page)
    page.locator(".entry", has=page.locator(".turn-footer")).first.hover()
    page.get_by_role("button", name="Restore to here").first.click()
    expect(page.get_by_role("dialog").get_by_text("The files already match")).to_be_visible(timeout=TURN_MS)


@state
def found(world: World) -> View:
    return View(world.alice, world.tools, _find)


@state
def restore(world: World) -> View:
    return View(world.alice, world.path("notes"), _restore, shows="dialog[open]")


@state
def first_look_asks(world: World) -> View:
    return View(world.alice, f"{world.path('fix-login')}?tour", shows=".tour")


@state
def first_look_ends(world: World) -> View:
    return View(world.alice, f"{world.path('notes')}?tour", shows=".tour")


@on(PHONE)
def changes(world: World) -> View:
    return View(world.alice, world.path("notes"), _changes)
