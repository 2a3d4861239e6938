"""The instruments measure: tried on the bare page, without a word on how long anything takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import bare_page
from bench.chrome import LEAST_MS, Instrumented, Loaded, Request
from tests.journeys.browsing import chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

SHIFT = """new Promise((done) => {
    document.body.prepend(Object.assign(document.createElement("h1"), { textContent: "late" }));
    setTimeout(() => done(seen.shift), 300);
})"""
BUSY = "document.querySelector('button').onclick = () => { const at = Date.now(); while (Date.now() - at < 200); };"


@pytest.fixture
def bare() -> Iterator[str]:
    with bare_page.serving() as url:
        yield url


@pytest.fixture
def page() -> Iterator[Instrumented]:
    with chromium() as browser:
        yield Instrumented(browser)


class TestLoaded:
    def test_tells_what_the_page_waits_for_from_what_comes_later(self) -> None:
        script, later = (Request(url, "Script", by, at, 1500) for url, by, at in (("a", "/", 1), ("b", "a", 9)))
        loaded = Loaded([Request("/", "Document", "", 0, 700), script, later], loaded_at=5)

        assert (loaded.code_kb, loaded.later_kb, loaded.depth) == (1.5, 1.5, 1)


class TestInstrumented:
    def test_tells_what_was_loaded_painted_and_moved(self, page: Instrumented, bare: str) -> None:
        loaded = page.load(f"{bare}/", "button")

        assert 0 < loaded.first_byte_ms < loaded.first_paint_ms <= loaded.largest_paint_ms
        assert {one.kind for one in loaded.code} == {"Script", "Stylesheet"}
        assert loaded.code_kb > 0
        assert loaded.depth == 1
        assert loaded.shift == 0
        assert page.page.evaluate(SHIFT) > 0

    def test_tells_how_long_an_answer_takes_and_what_took_it(self, page: Instrumented, bare: str) -> None:
        page.load(f"{bare}/", "button")
        page.page.evaluate(BUSY)

        assert page.answer_ms(lambda: page.page.click("button")) >= 200
        assert any("FunctionCall" in one for one in page.traced(lambda: page.page.click("button")))
        assert page.answer_ms(lambda: None) == LEAST_MS

    def test_counts_frames_and_what_is_held(self, page: Instrumented, bare: str) -> None:
        page.load(f"{bare}/rows", "p")

        rate, longest_ms = page.frames(0.5)
        assert rate > 0
        assert longest_ms > 0
        assert page.held()["elements"] > 10_000
