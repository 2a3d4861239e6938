"""The components at work: the living page in a browser, without a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.http import HttpResponse
from django.test import override_settings
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.journeys.browsing import CHROMIUM
from tests.journeys.looking import RULES, RUN, axe
from tests.pages import built
from tests.pages.conftest import browser

pytestmark = pytest.mark.browser

ORIGIN = "http://slipway.test"
SIZES = {"desktop": (1440, 900), "small": (360, 740)}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def rendered() -> HttpResponse:
    """The living page as the server renders it."""
    built.require()
    with override_settings(DEBUG=True):
        return cast(HttpResponse, browser().get("/design/"))


@pytest.fixture(scope="module")
def chromium(rendered: HttpResponse) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield launched
        launched.close()


@pytest.fixture
def open_page(chromium: Browser, rendered: HttpResponse) -> Iterator[Open]:
    """Opens it under its policy; what the browser complains about fails the test."""
    policy = {"Content-Security-Policy": rendered["Content-Security-Policy"]}
    wrong: list[str] = []

    def answer(route: Route) -> None:
        if not built.serve(route):
            route.fulfill(body=rendered.content, content_type="text/html", headers=policy)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    def opened(size: str = "desktop", **more: Any) -> Page:
        width, height = SIZES[size]
        is_small = size == "small"
        page = chromium.new_context(
            viewport={"width": width, "height": height}, is_mobile=is_small, has_touch=is_small, **more
        ).new_page()
        page.route("**/*", answer)
        page.on("console", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{ORIGIN}/design/")
        page.wait_for_function("document.querySelector('[data-size]:not([data-size=\"\"])') !== null")
        return page

    yield opened
    for context in chromium.contexts:
        context.close()
    assert wrong == []


class TestThePage:
    @pytest.mark.parametrize("size", SIZES)
    def test_is_without_fault_for_axe_and_moves_nothing_sideways(self, open_page: Open, size: str) -> None:
        page = open_page(size, reduced_motion="reduce")
        page.evaluate(axe())
        found = page.evaluate(RUN, ["html", RULES])

        assert [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]

    @pytest.mark.parametrize("size", SIZES)
    def test_can_be_kept_as_pictures(self, open_page: Open, size: str, request: pytest.FixtureRequest) -> None:
        page = open_page(size, reduced_motion="reduce")
        folder = request.config.getoption("--screenshots", default=None)
        for part in page.locator(".specimen").all():
            name = part.get_attribute("data-specimen") or ""
            picture = part.screenshot(path=Path(folder) / f"design-{name}-{size}.png" if folder else None)
            assert picture.startswith(b"\x89PNG"), name

    def test_prints_sizes_on_the_grid(self, open_page: Open) -> None:
        heights = open_page().evaluate(
            "[...document.querySelectorAll('.button[data-size], .input[data-size]')].map((one) => one.offsetHeight)"
        )

        assert len(heights) > 8
        assert {height % 4 for height in heights} == {0}

    def test_makes_everything_large_enough_for_a_thumb(self, open_page: Open) -> None:
        small = open_page("small").evaluate(
            """() => {
                const pressed = ":is(.button, .input):not(.small, .affix > *), .affix, .menu > summary, .check";
                return [...document.querySelectorAll(`.specimen :is(${pressed})`)]
                    .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44)
                    .map((one) => one.outerHTML.slice(0, 120));
            }"""
        )

        assert small == []

    def test_shows_what_forced_colours_leave(self, open_page: Open) -> None:
        page = open_page(forced_colors="active")
        borders = page.evaluate(
            """["button", "input", "badge", "note"].map(
                (name) => getComputedStyle(document.querySelector(`.specimen .${name}`)).borderTopStyle)"""
        )

        assert borders == ["solid"] * 4


class TestSplitPane:
    def test_is_moved_by_hand_and_by_keys_and_remembered(self, open_page: Open) -> None:
        page = open_page()
        panes, divider = page.locator(".panes").first, page.locator(".divider").first
        width = "(panes) => Math.round(panes.firstElementChild.offsetWidth / panes.offsetWidth * 100)"
        assert panes.evaluate(width) == 56

        divider.focus()
        page.keyboard.press("ArrowLeft")
        expect(divider).to_have_attribute("aria-valuenow", "54")
        assert panes.evaluate(width) == 54

        box, whole = divider.bounding_box(), panes.bounding_box()
        assert box is not None
        assert whole is not None
        page.mouse.move(box["x"] + 2, box["y"] + 5)
        page.mouse.down()
        page.mouse.move(whole["x"] + whole["width"] * 0.4, box["y"] + 5)
        page.mouse.up()
        expect(divider).to_have_attribute("aria-valuenow", "40")

        divider.dblclick()
        expect(divider).to_have_attribute("aria-valuenow", "56")
        page.keyboard.press("End")
        page.reload()
        expect(divider).to_have_attribute("aria-valuenow", "75")


class TestMenu:
    def test_is_used_with_the_keyboard_alone(self, open_page: Open) -> None:
        page = open_page()
        summary = page.get_by_label("More about shop").first
        items = page.locator("details.menu[open] .menu-item:not([disabled])")

        summary.focus()
        page.keyboard.press("Enter")
        expect(items.nth(0)).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(items.nth(2)).to_be_focused()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        expect(items.nth(1)).to_be_focused()
        page.keyboard.press("End")
        expect(items.nth(2)).to_be_focused()
        page.keyboard.press("c")
        expect(items.nth(1)).to_be_focused()
        page.keyboard.press("Escape")
        expect(summary).to_be_focused()
        expect(items).to_have_count(0)
        page.keyboard.press("ArrowUp")
        expect(items.nth(2)).to_be_focused()

    def test_closes_by_a_click_elsewhere_and_when_another_opens(self, open_page: Open) -> None:
        page = open_page()
        opened = page.locator("details.menu[open]")

        page.get_by_label("More about shop").first.click()
        expect(opened).to_have_count(1)
        page.locator("summary", has_text="sonnet").first.click()
        expect(opened).to_have_count(1)
        expect(opened.locator(".menu-title")).to_be_visible()
        page.locator("h1").click()
        expect(opened).to_have_count(0)

    def test_stays_within_the_window(self, open_page: Open) -> None:
        page = open_page("small")
        page.evaluate(
            """() => {
                const menu = document.querySelector("details.menu");
                Object.assign(menu.style, { position: "fixed", right: "0", bottom: "0" });
                menu.open = true;
            }"""
        )
        body = page.locator("details.menu[open] > .menu-body")
        expect(body).to_be_visible()
        page.wait_for_function("document.querySelector('details.menu[open] > .menu-body').popover === 'manual'")
        box = body.bounding_box()

        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 740 - 44


class TestTabs:
    def test_are_chosen_with_the_arrows(self, open_page: Open) -> None:
        page = open_page()
        tabs = page.get_by_role("tablist").first.get_by_role("tab")

        tabs.nth(0).focus()
        page.keyboard.press("ArrowRight")
        expect(tabs.nth(1)).to_be_focused()
        expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
        expect(page.locator("#light-panel-2")).to_be_visible()
        expect(page.locator("#light-panel-1")).to_be_hidden()
        page.keyboard.press("End")
        expect(tabs.nth(2)).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(tabs.nth(0)).to_be_focused()


class TestToast:
    def test_waits_while_it_is_read_and_goes_then(self, open_page: Open) -> None:
        page = open_page()
        page.clock.install()
        page.get_by_role("button", name="A toast", exact=True).first.click()
        toast = page.locator(".toasts .toast")
        toast.hover()
        page.clock.fast_forward(60_000)
        expect(toast).to_be_visible()
        page.mouse.move(0, 0)
        page.clock.fast_forward(10_000)
        expect(toast).to_have_count(0)

    def test_takes_back_what_was_done_and_can_be_dismissed(self, open_page: Open) -> None:
        page = open_page()
        page.get_by_role("button", name="A toast with Undo").first.click()
        page.locator(".toasts").get_by_role("button", name="Undo").click()
        expect(page.locator(".toasts .toast")).to_have_text("It is back")
        page.locator(".toasts").get_by_role("button", name="Dismiss").click()
        expect(page.locator(".toasts .toast")).to_have_count(0)

    def test_is_no_heap(self, open_page: Open) -> None:
        page = open_page()
        for _ in range(7):
            page.get_by_role("button", name="A toast", exact=True).first.click()
        expect(page.locator(".toasts .toast")).to_have_count(4)

    def test_can_be_pressed_above_a_dialog(self, open_page: Open) -> None:
        page = open_page()
        page.get_by_role("button", name="A dialog").first.click()
        page.evaluate("document.querySelector('[data-undo]').click()")
        page.locator(".toasts").get_by_role("button", name="Undo").click()
        page.keyboard.press("Escape")
        expect(page.locator("body > .toasts .toast")).to_have_text("It is back")

    def test_comes_along_to_the_next_page_when_it_can_take_something_back(self, open_page: Open) -> None:
        page = open_page()
        page.evaluate(
            """sessionStorage.setItem("slipway.toasts", JSON.stringify(
                [{ text: "It is archived", label: "Undo", left: 9000, request: { method: "POST", path: "/x" } }]))"""
        )
        page.reload()
        expect(page.locator(".toasts .toast")).to_contain_text("It is archived")
        page.reload()  # it is kept by the page itself from now on
        with page.expect_request(f"{ORIGIN}/api/x") as asked:
            page.locator(".toasts").get_by_role("button", name="Undo").click()

        assert asked.value.method == "POST"


class TestTooltip:
    def test_is_there_for_the_mouse_and_for_the_keyboard(self, open_page: Open) -> None:
        page = open_page()
        button = page.get_by_role("button", name="Interrupt").first
        tip = page.get_by_role("tooltip")

        button.hover()
        expect(tip).to_have_text("Interrupt (Esc Esc)")
        expect(button).to_have_attribute("aria-describedby", "tooltip")
        page.mouse.move(0, 0)
        expect(tip).to_have_count(0)
        expect(button).to_have_attribute("title", "Interrupt (Esc Esc)")
        page.get_by_role("button", name="A question").first.focus()
        page.keyboard.press("Tab")
        expect(tip).to_have_text("Interrupt (Esc Esc)")
        page.keyboard.press("Escape")
        expect(tip).to_have_count(0)


class TestDialog:
    @pytest.mark.parametrize("size", SIZES)
    def test_keeps_the_focus_and_gives_it_back(self, open_page: Open, size: str) -> None:
        page = open_page(size)
        opener = page.get_by_role("button", name="A dialog").first
        opener.click()
        dialog = page.get_by_role("dialog", name="New session").first
        expect(dialog.get_by_label("What should be done")).to_be_focused()
        for _ in range(6):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
            )
        before = page.evaluate("scrollY")
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
        assert page.evaluate("scrollY") == before
        box = dialog.bounding_box()
        assert box is not None
        assert size == "desktop" or (box["width"], box["height"]) == (360, 740)
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()

    def test_is_announced_by_its_title(self, open_page: Open) -> None:
        page = open_page()
        page.get_by_role("button", name="A question").first.click()
        expect(page.get_by_role("dialog", name=re.compile("Delete fix-login"))).to_be_visible()
        expect(page.get_by_role("button", name="Cancel").last).to_be_focused()


class TestAPartThatIsMissing:
    def test_is_told_with_a_way_to_load_it_again(self, chromium: Browser, rendered: HttpResponse) -> None:
        page = chromium.new_context().new_page()
        gone = re.compile(r"/design-[0-9A-Z]{8}\.js$")

        def answer(route: Route) -> None:
            if gone.search(route.request.url):
                route.fulfill(status=404, body="")
            elif not built.serve(route):
                route.fulfill(body=rendered.content, content_type="text/html")

        page.route("**/*", answer)
        page.goto(f"{ORIGIN}/design/")
        expect(page.locator(".toasts .toast.error")).to_contain_text("could not be loaded")
        with page.expect_navigation():
            page.get_by_role("button", name="Load it again").click()
        page.context.close()
