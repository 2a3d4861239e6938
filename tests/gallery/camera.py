"""Takes a state's pictures at every size in both themes, and measures what no picture shows."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.gallery import measures
from tests.gallery.state import DESK, HEIGHTS, WIDTHS, State, View
from tests.gallery.world import World
from tests.journeys.browsing import Watch, go, new_context
from tests.journeys.looking import violations

THEMES = ("light", "dark")
SETTLE_MS = 150
MOST_PX = 4000


@dataclass
class Shots:
    """What came of one state."""

    state: State
    files: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Camera:
    """Where pictures go; without a folder the states are only looked at."""

    browser: Browser
    folder: Path | None
    looks: bool = True

    def take(self, world: World, state: State) -> Shots:
        """Never raises: a state that cannot be made is one of the things that are wrong."""
        shots, began = Shots(state), time.monotonic()
        try:
            self._view(world, state, state.make(world), shots)
        except Exception as error:
            shots.wrong.append(f"could not be made: {error!r}"[:600])
        shots.seconds = time.monotonic() - began
        return shots

    def _view(self, world: World, state: State, view: View, shots: Shots) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(view.after)
            opened = [(device, *self._open(world, view, device, stack)) for device in state.devices]
            for device, page, watch in opened:
                try:
                    view.arrange(page)
                    expect(page.locator(view.shows).first).to_be_visible()
                except (Error, AssertionError) as error:
                    shots.wrong.append(f"{device}: not as meant: {str(error)[:600]}")
                self._shoot(page, device, state, view, shots)
                watch.forgive(*view.forgives)
                shots.wrong += [f"{device}: {met[:300]}" for met in watch.wrong]

    def _open(self, world: World, view: View, device: str, stack: contextlib.ExitStack) -> tuple[Page, Watch]:
        context = self._context(view, device)
        stack.callback(context.close)
        origin = view.origin or world.server.url
        watch = Watch(context, origin)
        if view.script:
            context.add_init_script(view.script)
        page = context.new_page()
        page.emulate_media(reduced_motion="reduce")
        go(page, origin + view.path)
        return page, watch

    def _context(self, view: View, device: str) -> BrowserContext:
        context = new_context(self.browser, "desktop" if device == DESK else "phone")
        if view.visitor:
            for cookie in view.visitor.person.jar:
                url = view.visitor.server.url
                context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": url}])
        return context

    def _shoot(self, page: Page, device: str, state: State, view: View, shots: Shots) -> None:
        for width in WIDTHS[device]:
            self._show_whole(page, width)
            for theme in THEMES:
                page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
                page.wait_for_timeout(SETTLE_MS)
                self._picture(page, f"{state.title}-{width}-{theme}.png", shots)
            if self.looks:
                found = measures.sideways(page)
                if device != DESK and view.is_ours:
                    found += measures.small_targets(page)
                shots.wrong += [f"{width}: {one}" for one in found]
        if self.looks and view.is_ours:
            shots.wrong += [one.partition(", ")[2] for one in violations(page, state.title, view.looked_at)]

    def _show_whole(self, page: Page, width: int) -> None:
        """A page that scrolls within the frame gets a window in which all of it is seen."""
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        below = measures.hidden_px(page)
        if below:
            page.set_viewport_size({"width": width, "height": min(HEIGHTS[width] + below, MOST_PX)})

    def _picture(self, page: Page, name: str, shots: Shots) -> None:
        if self.folder is None:
            return
        scrolls = page.evaluate("document.documentElement.scrollHeight > innerHeight")
        try:
            page.screenshot(path=self.folder / name, full_page=scrolls)
            shots.files.append(name)
        except Error as error:
            shots.wrong.append(f"no picture {name}: {str(error)[:200]}")
