"""What is around every page: the sidebar, its menus, the drawer."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.gallery.state import PHONE, View, on, state
from tests.gallery.world import World


def _drawer(page: Page) -> None:
    opener = page.get_by_label("Show the sidebar").first
    if opener.is_visible():
        opener.click()
    page.wait_for_timeout(200)


def _account(page: Page) -> None:
    _drawer(page)
    page.locator(".sidebar-foot summary").click()


def _organizations(page: Page) -> None:
    _drawer(page)
    page.locator(".sidebar-head summary").first.click()


def _commands(page: Page) -> None:
    page.get_by_label("Message to the agent").fill("/co")
    expect(page.get_by_role("listbox", name="Commands of the agent")).to_be_visible()


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
    return View(world.vera, f"/?organization={world.alice.organization_id}", _organizations)


@state
def slash_menu(world: World) -> View:
    return View(world.alice, world.path("notes"), _commands)
