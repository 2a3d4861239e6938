"""One page of Chromium with instruments: what it loaded, when it painted, how long it took to answer, what it holds."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

OBSERVERS = Path(__file__).with_suffix(".js").read_text()
LEAST_MS = 16.0  # what is answered within a frame is not told apart
SETTLE_MS = 400
CATEGORIES = ["devtools.timeline", "v8.execute", "disabled-by-default-devtools.timeline"]
TOP = 4  # of the longest pieces of work that are named
FRAMES = """(ms) => new Promise((resolve) => {
    const view = document.querySelector("slw-conversation") ?? document.scrollingElement;
    const began = performance.now(), times = [];
    let step = -60;
    const frame = (now) => {
        times.push(now);
        const before = view.scrollTop;
        view.scrollTop += step;
        if (view.scrollTop === before) step = -step;
        if (now - began < ms) requestAnimationFrame(frame);
        else resolve(times);
    };
    requestAnimationFrame(frame);
})"""


@dataclass(frozen=True)
class Network:
    """How good the line and the machine are."""

    name: str
    slower: float = 1  # how many times slower the processor is
    latency_ms: float = 0
    bytes_s: float = -1


QUICK = Network("this machine")
SLOW = Network("processor 4 times slower, slow 4G", 4, 150, 1.6e6 / 8)


@dataclass
class Request:
    """One that the page made while it loaded."""

    url: str
    kind: str
    by: str  # the address of what asked for it
    at: float  # seconds on the browser's own clock
    size: int = 0


@dataclass
class Loaded:
    """What a page's load came to."""

    requests: list[Request] = field(default_factory=list)
    loaded_at: float = math.inf  # when the page's load was over; what is asked for later keeps nobody waiting
    first_byte_ms: float = 0
    first_paint_ms: float = 0
    largest_paint_ms: float = 0
    shift: float = 0
    shifts: list[str] = field(default_factory=list)
    long_ms: float = 0  # all tasks over 50 ms

    @property
    def code(self) -> list[Request]:
        """Scripts and styles."""
        return [one for one in self.requests if one.kind in ("Script", "Stylesheet")]

    @property
    def code_kb(self) -> float:
        """What of them the page needs to be there, as it went over the line."""
        return sum(one.size for one in self.code if one.at <= self.loaded_at) / 1000

    @property
    def later_kb(self) -> float:
        """What of them comes by itself once the page is there."""
        return sum(one.size for one in self.code if one.at > self.loaded_at) / 1000

    @property
    def depth(self) -> int:
        """How many scripts and styles must come one after the other before the last can be asked for."""
        by = {one.url: one.by for one in self.requests}
        return max((_steps(one.url, by) for one in self.code if one.at <= self.loaded_at), default=0)


def _steps(url: str, by: dict[str, str]) -> int:
    steps, seen = 0, set[str]()
    while url in by and by[url] and url not in seen:
        seen.add(url)
        url = by[url]
        steps += 1
    return steps


class Instrumented:
    """A page in a browser of its own, signed in where cookies are given."""

    def __init__(
        self, browser: Browser, network: Network = QUICK, cookies: Callable[[BrowserContext], object] = id
    ) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        cookies(self.context)
        self.context.add_init_script(OBSERVERS)
        self.page: Page = self.context.new_page()
        self.debugger = self.context.new_cdp_session(self.page)
        self.debugger.send("Network.enable")
        self.debugger.send("Page.enable")
        self.debugger.send("Performance.enable")
        self.debugger.send("Emulation.setCPUThrottlingRate", {"rate": network.slower})
        speed = {"downloadThroughput": network.bytes_s, "uploadThroughput": network.bytes_s}
        self.debugger.send(
            "Network.emulateNetworkConditions", {"offline": False, "latency": network.latency_ms, **speed}
        )
        self.browser = browser

    def load(self, url: str, shows: str) -> Loaded:
        """The page, once what it is there for is shown and nothing moves any more."""
        requests: dict[str, Request] = {}
        self.debugger.on("Network.requestWillBeSent", lambda told: _note(requests, told))
        loaded: list[float] = []
        self.debugger.on("Page.loadEventFired", lambda told: loaded.append(told["timestamp"]))
        self.debugger.on("Network.loadingFinished", lambda told: _size(requests, told))
        self.page.goto(url)
        self.page.locator(shows).first.wait_for(timeout=60_000)
        self.page.wait_for_timeout(3 * SETTLE_MS)
        told = self.page.evaluate("""() => ({ ...seen, timing: performance.getEntriesByType("navigation")[0].toJSON(),
            paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0 })""")
        return Loaded(
            list(requests.values()),
            loaded[-1],
            told["timing"]["responseStart"],
            told["paint"],
            told["largest"],
            told["shift"],
            told["shifts"],
            sum(told["tasks"]),
        )

    def answer_ms(self, act: Callable[[], object]) -> float:
        """How long the slowest of the interactions took that `act` makes, until the next paint."""
        self.page.evaluate("seen.events.length = 0")
        act()
        self.page.wait_for_timeout(SETTLE_MS)
        found = self.page.evaluate("seen.events.map((one) => one.ms)")
        return float(max([LEAST_MS, *found]))

    def frames(self, seconds: float) -> tuple[float, float]:
        """Frames a second while the conversation is scrolled without a pause, and the longest of them in ms."""
        times: list[float] = self.page.evaluate(FRAMES, seconds * 1000)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        return 1000 * len(gaps) / (times[-1] - times[0]), max(gaps)

    def held(self) -> dict[str, float]:
        """Chromium's own figures, after it has thrown away what it can: heap (MB), nodes, listeners, detached nodes."""
        for _ in range(3):
            self.debugger.send("HeapProfiler.collectGarbage")
        told = self.debugger.send("Performance.getMetrics")["metrics"]
        figures = {one["name"]: one["value"] for one in told}
        attached = self.page.evaluate(
            "document.createNodeIterator(document, NodeFilter.SHOW_ALL) && document.querySelectorAll('*').length"
        )
        return {
            "heap": figures["JSHeapUsedSize"] / 1e6,
            "nodes": figures["Nodes"],
            "elements": attached,
            "listeners": figures["JSEventListeners"],
        }

    def traced(self, act: Callable[[], object]) -> list[str]:
        """The longest pieces of work while `act` runs, by Chromium's own trace: what, in which file, how long."""
        self.browser.start_tracing(page=self.page, categories=CATEGORIES)
        act()
        self.page.wait_for_timeout(SETTLE_MS)
        events = json.loads(self.browser.stop_tracing())["traceEvents"]
        return [_told(one) for one in sorted(events, key=lambda one: -one.get("dur", 0)) if _is_work(one)][:TOP]

    def close(self) -> None:
        self.context.close()


def _note(requests: dict[str, Request], told: dict[str, Any]) -> None:
    request, initiator = told["request"], told.get("initiator", {})
    if not request["url"].startswith("http"):
        return
    frames = (initiator.get("stack") or {}).get("callFrames") or [{}]
    by = initiator.get("url") or frames[0].get("url") or ""
    requests[told["requestId"]] = Request(request["url"], told.get("type", ""), by, told["timestamp"])


def _size(requests: dict[str, Request], told: dict[str, Any]) -> None:
    if told["requestId"] in requests:
        requests[told["requestId"]].size = int(told["encodedDataLength"])


WORK = ("FunctionCall", "EvaluateScript", "Layout", "UpdateLayoutTree", "Paint", "ParseHTML", "MajorGC", "MinorGC")


def _is_work(event: dict[str, Any]) -> bool:
    return event.get("name") in WORK and event.get("dur", 0) > 5_000


def _told(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data") or {}
    where = f"{data.get('functionName', '')} {str(data.get('url', '')).rpartition('/')[2]}:{data.get('lineNumber', '')}"
    begun = event.get("args", {}).get("beginData") or {}
    of = f"{begun.get('dirtyObjects')} of {begun.get('totalObjects')} objects" if "totalObjects" in begun else where
    return f"{event['dur'] / 1000:.0f} ms {event['name']} {of}".strip()
