"""Errors as everybody sees them, and pages that lost what they were connected to. Taken one after the other."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from playwright.sync_api import Page, Route, expect
from psycopg.sql import SQL, Identifier

from tests.gallery.state import View, state
from tests.gallery.world import World
from tests.journeys.browsing import TURN_MS, session_path
from tests.journeys.server import Server
from tests.journeys.test_browser_connection import BLOCKABLE
from tests.journeys.wire import dsn, query


def _forge(page: Page) -> None:
    page.context.clear_cookies(name="csrftoken")
    page.locator("main form button.primary").click()
    page.wait_for_load_state()


def _disconnect(page: Page) -> None:
    expect(page.get_by_label("Message to the agent")).to_be_enabled(timeout=TURN_MS)
    page.get_by_label("Message to the agent").fill("a draft that is kept")
    page.evaluate("block('WebSocket', 'EventSource')")
    expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=TURN_MS)


def _go_offline(page: Page) -> None:
    expect(page.get_by_label("Message to the agent")).to_be_enabled(timeout=TURN_MS)
    page.context.set_offline(True)
    page.get_by_label("Message to the agent").fill("said without a network")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Not sent")).to_be_visible(timeout=2 * TURN_MS)


def _rename(world: World, old: str, new: str) -> Callable[[], object]:
    return lambda: query(world.broken, f"alter table {old} rename to {new}")


@state
def not_found(world: World) -> View:
    return View(world.bob, "/nowhere/", origin=world.broken.url, forgives=("status of 404",))


@state
def not_found_signed_out(world: World) -> View:
    return View(None, "/nowhere/", origin=world.broken.url, forgives=("status of 404",))


@state
def forged_form(world: World) -> View:
    path = "/accounts/logout/"
    return View(world.bob, path, _csrf, origin=world.broken.url, forgives=("status of 403",))


def _csrf(page: Page) -> None:
    page.evaluate("document.querySelector('main form [name=csrfmiddlewaretoken]').value = 'x'")
    _forge(page)


@state
def suspended(world: World) -> View:
    statement = "update accounts_organization set suspended_at = {} where id = %s"
    query(world.broken, statement.format("now()"), world.bob.organization_id)
    return View(
        world.bob,
        "/",
        shows="text=This organisation is suspended",
        origin=world.broken.url,
        forgives=("status of 403",),
        after=lambda: query(world.broken, statement.format("null"), world.bob.organization_id),
    )


@state
def our_fault(world: World) -> View:
    path = f"/?organization={world.bob.organization_id}"
    _rename(world, "projects_project", "away")()
    back = _rename(world, "away", "projects_project")
    return View(world.bob, path, origin=world.broken.url, forgives=("status of 500",), after=back)


@state
def disconnected(world: World) -> View:
    forgives = ("WebSocket", "net::ERR_")
    return View(world.alice, world.path("new-idea"), _disconnect, script=BLOCKABLE, forgives=forgives)


@state
def offline(world: World) -> View:
    session = world.alice.session(world.project, name="on-a-train")
    return View(world.alice, session_path(session), _go_offline, forgives=("WebSocket", "net::ERR_"))


@state
def gone_meanwhile(world: World) -> View:
    session = world.alice.session(world.project, name="gone")

    def delete(page: Page) -> None:
        expect(page.locator("slw-session-head h1")).to_be_attached()
        if session["id"] in {one["id"] for one in world.alice.person.call("GET", "/api/sessions?limit=200")["items"]}:
            world.alice.person.call("DELETE", f"/api/sessions/{session['id']}")

    return View(
        world.alice, session_path(session), delete, shows="text=This session is gone", forgives=("404", "code: 403")
    )


def _shut(server: Server) -> None:
    """Nobody gets into its database any more, and who is in it is put out."""
    name = query(server, "select current_database()")[0][0]
    with psycopg.connect(dsn(server), dbname="postgres", autocommit=True) as connection:
        connection.execute(SQL("alter database {} allow_connections false").format(Identifier(name)))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])


def _hold(page: Page) -> None:
    """It would be loaded again by itself while it is looked at."""

    def without_refresh(route: Route) -> None:
        answer = route.fetch()
        kept = {name: value for name, value in answer.headers.items() if name != "refresh"}
        route.fulfill(response=answer, headers=kept)

    page.route("**/", without_refresh)
    page.reload()


@state
def database_away(world: World) -> View:
    assert world.bob
    _shut(world.broken)  # the last that happens to this server, which would start a database again that died
    return View(world.bob, "/", _hold, shows="text=One moment", origin=world.broken.url, forgives=("status of 503",))
