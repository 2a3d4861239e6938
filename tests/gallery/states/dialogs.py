"""Dialogs, each as it opens and as it refuses."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.gallery.state import View, state
from tests.gallery.states.session import pane
from tests.gallery.world import World


def _open(source: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        page.evaluate(f"document.querySelector('slw-new-project').openWith('{source}')")
        expect(page.get_by_role("dialog")).to_be_visible()

    return arrange


def _new_session(page: Page) -> None:
    page.evaluate("document.querySelector('slw-new-session').openFor()")
    expect(page.locator("slw-new-session details.more .cut")).not_to_be_empty()


def _refused(page: Page) -> None:
    _new_session(page)
    dialog = page.get_by_role("dialog")
    if not dialog.get_by_label("Name").is_visible():
        dialog.locator("details > summary").first.click()
    dialog.get_by_label("Name").fill("fix-login")
    dialog.get_by_role("button", name="Start").click()
    dialog.get_by_role("alert").or_(dialog.locator(".field-error")).first.wait_for()


def _more(item: str) -> Callable[[Page], None]:
    def arrange(page: Page) -> None:
        page.get_by_label("More about this session", exact=True).click()
        page.get_by_role("button", name=item).click()
        expect(page.get_by_role("dialog")).to_be_visible()

    return arrange


def _move(page: Page) -> None:
    _more("Move to another environment…")(page)
    expect(page.get_by_role("dialog").get_by_label("Environment")).to_be_visible()


def _delete_project(page: Page) -> None:
    page.get_by_label("More about storefront").first.click()
    page.get_by_role("link", name="Delete…").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


@state
def new_project_from_a_url(world: World) -> View:
    return View(world.newcomer, "/", _open("URL"))


@state
def new_project_from_an_archive(world: World) -> View:
    return View(world.newcomer, "/", _open("UPLOAD"))


@state
def new_project_sample(world: World) -> View:
    return View(world.newcomer, "/", _open("SAMPLE"))


@state
def new_session(world: World) -> View:
    return View(world.alice, f"/projects/{world.project['id']}/", _new_session)


@state
def new_session_in_japanese(world: World) -> View:
    assert world.jiros_session
    return View(world.jiro, "/", _new_session)


@state
def new_session_refused(world: World) -> View:
    path = f"/projects/{world.project['id']}/"
    assert world.path("fix-login")
    return View(world.alice, path, _refused, forgives=("status of 409", "status of 422", "status of 400"))


@state
def session_details(world: World) -> View:
    return View(world.alice, world.path("notes"), _more("Session details…"))


@state
def move_session(world: World) -> View:
    return View(world.manager, world.movable, _move)


@state
def rename_session(world: World) -> View:
    return View(world.alice, world.path("notes"), _more("Rename…"))


@state
def delete_session(world: World) -> View:
    return View(world.alice, world.path("notes"), _more("Delete…"))


@state
def delete_project(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}", _delete_project)


@state
def session_menu(world: World) -> View:
    return View(world.alice, world.path("notes"), _menu)


def _menu(page: Page) -> None:
    pane(page, "Chat")
    page.get_by_label("More about this session", exact=True).click()
