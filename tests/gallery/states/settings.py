"""Each page of the settings."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.gallery.state import View, state
from tests.gallery.world import World
from tests.journeys.person import PASSWORD


@state
def index(world: World) -> View:
    return View(world.newcomer, "/settings/")


@state
def profile(world: World) -> View:
    return View(world.alice, "/settings/profile/")


@state
def appearance(world: World) -> View:
    return View(world.newcomer, "/settings/appearance/")


@state
def notifications(world: World) -> View:
    return View(world.newcomer, "/settings/notifications/")


@state
def keyboard(world: World) -> View:
    return View(world.newcomer, "/settings/keyboard/")


@state
def organization(world: World) -> View:
    return View(world.alice, f"/settings/organization/?organization={world.alice.organization_id}")


@state
def organization_with_a_long_name(world: World) -> View:
    return View(world.carol, "/settings/organization/")


@state
def model_key(world: World) -> View:
    return View(world.newcomer, "/settings/model-key/")


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


def _second_step(page: Page) -> None:
    """Fields for a new one; what was asked before is answered first."""
    password = page.locator("main input[type=password]")
    if password.count():
        password.fill(PASSWORD)
        page.locator("main form button.primary").first.click()
    page.locator(".qr, .codes").first.wait_for()


@state
def addresses(world: World) -> View:
    return View(world.newcomer, "/accounts/email/")


@state
def browsers(world: World) -> View:
    return View(world.newcomer, "/accounts/sessions/")


@state
def second_step(world: World) -> View:
    return View(world.newcomer, "/accounts/2fa/totp/activate/", _second_step)


@state
def in_japanese(world: World) -> View:
    return View(world.jiro, "/settings/profile/")
