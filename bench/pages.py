"""Pages as people meet them, measured by Chromium itself: loads, answers to a hand, scrolling, memory of a long day."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from bench import bare_page, service
from bench.chrome import QUICK, SLOW, Instrumented, Loaded, Network
from bench.figures import Figure
from tests.gallery.scripts import TALK
from tests.gallery.world import Resident
from tests.journeys.browsing import Visitor, bash, chromium, script, session_path
from tests.journeys.server import ROOT, Server

FREE = {"permission_mode": "bypassPermissions"}
SLOWER = Network("processor 4 times slower", 4)
STREAM = script([{"text": TALK * 30, "chunks": 6000, "delay": 0.02}])
READY = "slw-composer textarea:enabled"
KEYS = "typed while much comes"
Pages = dict[str, tuple[str, str]]
# When, after the next click, the frame of a session is painted, and its conversation.
SWITCHED = """(id) => {
    window.switched = {};
    addEventListener("click", () => {
        const began = performance.now();
        const look = (now) => {
            const session = document.querySelector(`slw-session[session-id='${id}']`);
            if (session?.querySelector("h1")) switched.head ??= now - began;
            if (session?.querySelector("slw-conversation.is-settled .turn-footer")) switched.shown ??= now - began;
            if (!switched.shown) requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }, { capture: true, once: true });
}"""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    loads: int = 3
    events: int = 10_000
    switches: int = 30
    scroll_s: float = 4.0


async def measure(size: Size) -> list[Figure]:
    """Everything in one browser, one after the other; what misses is told with the longest work of its trace."""
    return await asyncio.to_thread(_measure, size)


def _measure(size: Size) -> list[Figure]:
    settings = {"SLIPWAY_CLAUDE_CLI": "", "SLIPWAY_PRACTICE_SCRIPTS": "1"}
    with service.served(**settings) as server, chromium() as browser, bare_page.serving() as bare:
        alice = Resident(server, "Alice", "Bench")
        project = alice.project()
        done = alice.session(project, script(bash("seq 1 50"), [{"text": TALK}]), name="done", **FREE)
        alice.wait_until_idle(done)
        long = alice.session(project, name="long")
        _fill(server, long, size.events)
        bench = _Bench(browser, server, alice, bare)
        pages = {
            "session": (session_path(done), ".turn-footer"),
            "dashboard": ("/", "section.card"),
            "usage": ("/settings/usage/", "slw-usage *"),
            "sign-in": ("/accounts/login/", "form"),
        }
        parts: list[Callable[[], list[Figure]]] = [
            lambda: bench.loads(pages, QUICK, size.loads),
            lambda: bench.loads(pages, SLOW, 1),
            lambda: bench.answers(session_path(done), project),
            lambda: bench.scrolling(session_path(long), size),
            lambda: bench.switches([session_path(done), session_path(long)], size.switches),
            lambda: bench.growth(project, size.events),
        ]
        return [figure for part in parts for figure in _told(part())]


def _fill(server: Server, session: dict[str, Any], events: int) -> None:
    command = [sys.executable, "-m", "tests.gallery.seed", "long", session["id"], str(events)]
    subprocess.run(command, cwd=ROOT, env=server.environment(), check=True, capture_output=True)


class _Bench:
    def __init__(self, browser: Browser, server: Server, alice: Visitor, bare: str) -> None:
        self.browser, self.server, self.alice, self.bare = browser, server, alice, bare

    def page(self, network: Network = QUICK) -> Instrumented:
        """Signed in, with nothing in its cache."""
        return Instrumented(self.browser, network, self._sign_in)

    def _sign_in(self, context: BrowserContext) -> None:
        for cookie in self.alice.person.jar:
            context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": self.server.url}])

    def bare_page(self, network: Network = QUICK) -> Instrumented:
        return Instrumented(self.browser, network)

    def load(self, make: Callable[[], Instrumented], url: str, shows: str) -> Loaded:
        page = make()
        try:
            return page.load(url, shows)
        finally:
            page.close()

    def loads(self, pages: Pages, network: Network, times: int) -> list[Figure]:
        bare = self.load(lambda: self.bare_page(network), self.bare + "/", "main")
        return [
            one for name, (path, shows) in pages.items() for one in self._load(name, path, shows, network, times, bare)
        ]

    def _load(self, name: str, path: str, shows: str, network: Network, times: int, bare: Loaded) -> list[Figure]:
        signed_out = name == "sign-in"
        make = (lambda: self.bare_page(network)) if signed_out else (lambda: self.page(network))
        loads = [self.load(make, self.server.url + path, shows) for _ in range(times)]

        def middle(value: Callable[[Loaded], float]) -> float:
            return statistics.median(value(one) for one in loads)

        if loads[0].shifts:
            _say(f"{name}, {network.name}: layout shifts: {'; '.join(loads[0].shifts)}")
        figures = [
            Figure(
                f"{name}, {network.name}: first paint",
                middle(lambda one: one.first_paint_ms),
                "ms",
                "bare page",
                bare.first_paint_ms,
            ),
            Figure(
                f"{name}, {network.name}: largest paint",
                middle(lambda one: one.largest_paint_ms),
                "ms",
                "bare page",
                bare.largest_paint_ms,
            ),
            Figure(f"{name}, {network.name}: layout shift", middle(lambda one: one.shift), "", "bare page", bare.shift),
            Figure(
                f"{name}, {network.name}: tasks over 50 ms, together",
                middle(lambda one: one.long_ms),
                "ms",
                "bare page",
                bare.long_ms,
            ),
        ]
        if network is not QUICK:
            return figures
        return [
            Figure(
                f"{name}: scripts and styles, compressed",
                middle(lambda one: one.code_kb),
                "kB",
                "bare page",
                bare.code_kb,
            ),
            Figure(
                f"{name}: more, once it is there", middle(lambda one: one.later_kb), "kB", "bare page", bare.later_kb
            ),
            Figure(f"{name}: requests", middle(lambda one: len(one.requests)), "", "bare page", len(bare.requests)),
            Figure(
                f"{name}: scripts that wait for one another", middle(lambda one: one.depth), "", "bare page", bare.depth
            ),
            Figure(f"{name}: first byte", middle(lambda one: one.first_byte_ms), "ms", "bare page", bare.first_byte_ms),
            *figures,
        ]

    def answers(self, path: str, project: dict[str, Any]) -> list[Figure]:
        """How soon a click or a key is seen, on this machine and on one that is four times slower."""
        return [figure for network in (QUICK, SLOWER) for figure in self._compared(path, project, network)]

    def _compared(self, path: str, project: dict[str, Any], network: Network) -> list[Figure]:
        bare = self.bare_page(network)
        bare.load(self.bare + "/", "button")
        click_ms = max(bare.answer_ms(lambda: bare.page.click("button")) for _ in range(5))
        key_ms = bare.answer_ms(lambda: bare.page.locator("input").press_sequentially(KEYS, delay=30))
        bare.close()
        raw = {True: ("a letter in a bare field", key_ms), False: ("a click on a bare page", click_ms)}
        return [
            Figure(f"{name}, {network.name}", ms, "ms", *raw[name.startswith("typing")])
            for name, ms in self._answers(path, project, network).items()
        ]

    def _answers(self, path: str, project: dict[str, Any], network: Network) -> dict[str, float]:
        one = self.page(network)
        one.load(self.server.url + path, READY)
        page, found = one.page, dict[str, float]()

        def act(name: str, does: Callable[[], object], undo: Callable[[], object]) -> None:
            does()  # what is loaded on the first use is not what a hand feels later; the first load is told apart
            page.wait_for_timeout(600)
            undo()
            page.wait_for_timeout(300)
            ms = found[name] = one.answer_ms(does)
            undo()
            if ms > 100:
                page.wait_for_timeout(300)
                _say(f"{name}, {network.name}: {ms:.0f} ms: {'; '.join(one.traced(does))}")
                undo()

        escape = lambda: page.keyboard.press("Escape")  # noqa: E731
        act("the palette opens", lambda: page.keyboard.press("Control+k"), escape)
        act("a dialog opens", lambda: page.locator(".sidebar [data-open=new-session]").first.click(), escape)
        tool = page.locator(".tool > summary").first
        act("a tool unfolds", tool.click, tool.click)
        menu = page.get_by_label("More about this session", exact=True)
        act("a menu opens", menu.click, escape)
        one.close()
        found["typing while the agent streams"] = self._typing(project, network)
        return found

    def _typing(self, project: dict[str, Any], network: Network) -> float:
        session = self.alice.session(project, STREAM, name=f"stream-{network.slower}", **FREE)
        one = self.page(network)
        one.load(self.server.url + session_path(session), ".prose")
        field = one.page.get_by_label("Message to the agent")
        ms = one.answer_ms(lambda: field.press_sequentially(KEYS, delay=60, timeout=120_000))
        if ms > 100:
            told = one.traced(lambda: field.press_sequentially(KEYS, delay=60, timeout=120_000))
            _say(f"typing while the agent streams, {network.name}: {ms:.0f} ms: {'; '.join(told)}")
        one.close()
        self.alice.person.call("POST", f"/api/sessions/{session['id']}/interrupt")
        return ms

    def scrolling(self, path: str, size: Size) -> list[Figure]:
        bare = self.bare_page()
        bare.load(self.bare + "/rows", "p")
        bare_rate, bare_gap = bare.frames(size.scroll_s)
        bare.close()
        one = self.page()
        one.load(self.server.url + path, ".turn-footer")
        rate, gap = one.frames(size.scroll_s)
        if rate < 0.9 * bare_rate:
            _say(f"scrolling: {rate:.0f} frames/s: {'; '.join(one.traced(lambda: one.frames(2)))}")
        back_s = _back_to_the_beginning(one)
        held = one.held()
        one.close()
        name = f"{size.events} events"
        return [
            Figure(f"scrolling, {name}", rate, "/s", "10,000 bare rows", bare_rate),
            Figure(f"the longest frame while scrolling, {name}", gap, "ms", "10,000 bare rows", bare_gap),
            Figure(
                f"elements, scrolled from the end to the beginning of {name} in {back_s:.0f} s",
                held["elements"],
                "",
                "bare rows",
                10_000,
            ),
            Figure(
                f"script memory after that, {name}", held["heap"], "MB", "the log's own size", size.events * 600 / 1e6
            ),
        ]

    def switches(self, paths: list[str], times: int) -> list[Figure]:
        """From session to session by the tree, as all day long."""
        return [*self._switches(paths, times, QUICK), *self._switches(paths, max(2, times // 5), SLOWER)[:3]]

    def _switches(self, paths: list[str], times: int, network: Network) -> list[Figure]:
        bare = self.bare_page(network)
        bare.load(self.bare + "/", "button")
        click_ms = max(bare.answer_ms(lambda: bare.page.click("button")) for _ in range(5))
        bare.close()
        one = self.page(network)
        one.load(self.server.url + paths[0], READY)
        heads, shown, answers, held = [], [], [], [one.held()]
        for number in range(times):
            path = paths[(number + 1) % len(paths)]
            one.page.evaluate(SWITCHED, path.split("/")[2])
            answers.append(one.answer_ms(one.page.locator(f".tree a[href='{path}']").first.click))
            one.page.wait_for_function("switched.shown", timeout=60_000)
            heads.append(one.page.evaluate("switched.head"))
            shown.append(one.page.evaluate("switched.shown"))
            if number == 1:
                held[0] = one.held()
        one.page.locator(f".tree a[href='{paths[0]}']").first.click()
        one.page.wait_for_timeout(1500)
        held.append(one.held())
        one.close()
        raw, name = ("a click on a bare page", click_ms), network.name
        return [
            Figure(f"a click on another session is answered, {name}", statistics.median(answers), "ms", *raw),
            Figure(f"the frame of another session is there, {name}, p50", statistics.median(heads), "ms", *raw),
            Figure(f"another session is shown, {name}, p50", statistics.median(shown), "ms", *raw),
            *(
                Figure(f"{what} after {times} switches", held[1][key], unit, "after the first two", held[0][key])
                for what, key, unit in (
                    ("script memory", "heap", "MB"),
                    ("nodes", "nodes", ""),
                    ("listeners", "listeners", ""),
                )
            ),
        ]

    def growth(self, project: dict[str, Any], events: int) -> list[Figure]:
        """A page that watches while so many events come in."""
        session = self.alice.session(project, name="growing")
        one = self.page()
        one.load(self.server.url + session_path(session), READY)
        held = []
        for part in (events // 4, events - events // 4):
            _fill(self.server, session, part)
            last = self.alice.read(session)["last_seq"]
            one.page.evaluate("dispatchEvent(new Event('online'))")
            _until_shown(one, last)
            held.append(one.held())
        one.close()
        before, after = held
        return [
            Figure(
                f"script memory after watching {events} events",
                after["heap"],
                "MB",
                f"after {events // 4}",
                before["heap"],
            ),
            Figure(
                f"nodes after watching {events} events", after["nodes"], "", f"after {events // 4}", before["nodes"]
            ),
        ]


def _told(figures: list[Figure]) -> list[Figure]:
    """As they come: a run that is cut short has said something, too."""
    for one in figures:
        _say(one.row())
    return figures


def _back_to_the_beginning(one: Instrumented) -> float:
    """Scroll up until the first message is there; seconds, NaN when it never came."""
    seconds: float = one.page.evaluate(
        """async (first) => {
        const view = document.querySelector("slw-conversation"), began = performance.now();
        const isThere = () => [...view.querySelectorAll(".said")].some((one) => one.textContent.trim() === first);
        while (!isThere() && performance.now() - began < 90_000) {
            view.scrollTop = 0;
            await new Promise((resolve) => setTimeout(resolve, 30));
        }
        return isThere() ? (performance.now() - began) / 1000 : NaN;
    }""",
        "Go on with number 1.",
    )
    return seconds


def _until_shown(one: Instrumented, last: int) -> None:
    """Until the log has come in up to there and the page is still."""
    shown = f"() => (document.querySelector('slw-session')?.conversation?.lastSeq ?? 0) >= {last}"
    one.page.wait_for_timeout(500)
    one.page.wait_for_function(shown, timeout=180_000)
    one.page.wait_for_timeout(1500)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
