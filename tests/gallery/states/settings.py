"""Each page of the settings."""

from __future__ import annotations

from tests.gallery.state import View, state
from tests.gallery.world import World


@state
def usage_of_nothing(world: World) -> View:
    return View(world.newcomer, "/settings/usage/", shows="slw-usage *")


@state
def usage(world: World) -> View:
    return View(world.used, "/settings/usage/", shows="slw-usage *")


@state
def usage_of_a_viewer(world: World) -> View:
    return View(world.vera, f"/settings/usage/?organization={world.alice.organization_id}", shows="slw-usage *")


@state
def no_tokens(world: World) -> View:
    return View(world.newcomer, "/settings/tokens/", shows="slw-tokens *")


@state
def tokens(world: World) -> View:
    return View(world.used, "/settings/tokens/", shows="slw-tokens *")
