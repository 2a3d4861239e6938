"""Pages for those who are not signed in."""

from __future__ import annotations

import itertools
import re

from playwright.sync_api import Page

from tests.gallery.state import View, state
from tests.gallery.world import World
from tests.journeys.person import PASSWORD

_numbers = itertools.count(1)


def _sign_up(page: Page) -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill(f"picture{next(_numbers)}@example.com")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("main form button.primary").click()
    page.wait_for_url("**/confirm-email/**")


def _in_japanese(page: Page) -> None:
    page.locator(".entrance-languages [lang=ja]").click()
    page.locator("html[lang=ja]").wait_for()


def _sign_in_wrongly(page: Page) -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill("nobody@example.com")
    page.locator("input[type=password]").fill("not the password")
    page.locator("main form button.primary").click()
    page.get_by_role("alert").first.wait_for()


def _sign_up_badly(page: Page) -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill("somebody@example.com")
    page.locator("input[type=password]").fill("1234")
    page.locator("main form button.primary").click()
    page.get_by_role("alert").first.wait_for()


def _forget(page: Page) -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill("nobody@example.com")
    page.locator("main form button.primary").click()
    page.wait_for_url("**/password/reset/**")
    page.get_by_label(re.compile("code", re.I)).first.wait_for()


@state
def sign_in(world: World) -> View:
    return View(None, "/accounts/login/")


@state
def sign_in_refused(world: World) -> View:
    return View(None, "/accounts/login/", _sign_in_wrongly)


@state
def sign_up(world: World) -> View:
    return View(None, "/accounts/signup/")


@state
def sign_up_in_japanese(world: World) -> View:
    return View(None, "/accounts/signup/", _in_japanese)


@state
def sign_up_refused(world: World) -> View:
    return View(None, "/accounts/signup/", _sign_up_badly)


@state
def confirm_address(world: World) -> View:
    return View(None, "/accounts/signup/", _sign_up)


@state
def forgot_password(world: World) -> View:
    return View(None, "/accounts/password/reset/")


@state
def forgot_password_code(world: World) -> View:
    return View(None, "/accounts/password/reset/", _forget)


@state
def sign_out(world: World) -> View:
    return View(world.newcomer, "/accounts/logout/")


@state
def change_password(world: World) -> View:
    return View(world.newcomer, "/accounts/password/change/")
