"""What is around every page: the sidebar, its menus, the drawer."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.gallery.state import DESK, PHONE, View, on, state
from tests.gallery.world import World


def _drawer(page: Page) -> None:
    opener = page.get_by_label("Show the sidebar").first
    expect(opener).to_be_attached()
    if opener.is_visible():
        opener.click()
        expect(page.locator(".drawer-shade")).to_be_visible()
        page.wait_for_timeout(200)  # it slides in


def _account(page: Page) -> None:
    _drawer(page)
    page.locator(".sidebar-foot summary").click()


def _organizations(page: Page) -> None:
    _drawer(page)
    page.locator(".sidebar-head summary").first.click()


def _row_menu(page: Page, name: str, item: str) -> None:
    _drawer(page)
    row = page.locator(".tree").get_by_role("treeitem", name=name)
    row.hover()
    row.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=item).click()


def _rename_row(page: Page) -> None:
    _row_menu(page, "notes", "Rename")
    expect(page.get_by_label("New name of notes")).to_be_visible()


def _delete(world: World) -> Callable[[Page], None]:
    """On each device a session of its own."""

    def arrange(page: Page) -> None:
        world.tidy.session(world.tidy_project, name="old-idea")
        _row_menu(page, "old-idea", "Delete…")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator(".toast").get_by_role("button", name="Undo")).to_be_visible()
        page.locator(".toast").hover()  # it stays while it is looked at

    return arrange


def _commands(page: Page) -> None:
    page.get_by_label("Message to the agent").fill("/co")
    expect(page.get_by_role("listbox", name="Agent commands")).to_be_visible()


@on(PHONE)
def drawer(world: World) -> View:
    return View(world.alice, world.path("notes"), _drawer)


@state
def drawer_with_fifty_sessions(world: World) -> View:
    return View(world.carol, "/", _drawer)


@state
def account_menu(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _account)


@state
def organisation_menu(world: World) -> View:
    path = f"/?organization={world.alice.organization_id}"
    return View(world.vera, path, _organizations, looked_at="details.menu[open]")


@state
def row_renamed(world: World) -> View:
    return View(world.alice, world.path("notes"), _rename_row)


@state
def undo_toast(world: World) -> View:
    return View(world.tidy, f"/projects/{world.tidy_project['id']}/", _delete(world), shows=".toast")


@state
def slash_menu(world: World) -> View:
    return View(world.alice, world.path("notes"), _commands)


def _palette(words: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        # On the phone there are no keys: the drawer has the button.
        opener = page.get_by_label("Show the sidebar").first
        page.wait_for_timeout(300)
        if opener.is_visible():
            opener.click()
            page.locator(".sidebar").get_by_role("button", name="Command palette").click()
        else:
            page.keyboard.press("Control+k")
        page.get_by_role("combobox").last.fill(words)
        page.wait_for_timeout(300)

    return arrange


def _keys(page: Page) -> None:
    page.locator("body").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


@state
def palette(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _palette(""), shows="dialog[open]")


@state
def palette_with_words(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _palette("fix"), shows="dialog[open]")


@state
def palette_that_finds_nothing(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _palette("qqqq"), shows="dialog[open]")


@on(DESK)
def keys(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _keys)


@state
def components(world: World) -> View:
    return View(world.newcomer, "/design/")


def _files(page: Page) -> None:
    page.get_by_label("Message to the agent").fill("look at @")
    expect(page.get_by_role("listbox").first).to_be_visible()


@state
def file_menu(world: World) -> View:
    return View(world.alice, world.path("notes"), _files)


def _mode_menu(page: Page) -> None:
    page.locator("slw-composer .choices-button").nth(1).click()
    page.wait_for_timeout(200)


@state
def mode_menu(world: World) -> View:
    return View(world.alice, world.path("notes"), _mode_menu)


@state
def in_japanese(world: World) -> View:
    return View(world.jiro, "/")


@state
def session_in_japanese(world: World) -> View:
    return View(world.jiro, world.jiros_session, shows=".tool")
