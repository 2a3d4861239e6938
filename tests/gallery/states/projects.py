"""The dashboard and a project's page."""

from __future__ import annotations

from tests.gallery.state import View, state
from tests.gallery.world import World


@state
def first_run(world: World) -> View:
    return View(world.newcomer, "/")


@state
def dashboard(world: World) -> View:
    return View(world.alice, f"/?organization={world.alice.organization_id}")


@state
def dashboard_of_a_viewer(world: World) -> View:
    return View(world.vera, f"/?organization={world.alice.organization_id}")


@state
def fifty_sessions_and_long_names(world: World) -> View:
    return View(world.carol, "/")


@state
def imports(world: World) -> View:
    return View(world.imports, "/", shows="slw-import")


@state
def project(world: World) -> View:
    return View(world.alice, f"/projects/{world.project['id']}/")
