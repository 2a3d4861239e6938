"""The gallery hangs: some of its states are made, shot at every size in both themes, looked at, and put on one page.

They are those that need no agent; `tests/journeys` looks at the others in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.gallery import __main__ as command
from tests.gallery import measures
from tests.journeys.browsing import chromium, new_context

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WANTED = [
    "entrance-sign-in-refused",
    "projects-imports",
    "frame-palette-that",
]
STUFF = """
document.body.innerHTML = `<button id=small></button><button id=framed></button><p id=wide>wide</p>
    <div id=scroller><p>inside</p></div>`;
const style = (id, values) => Object.assign(document.querySelector(id).style, values);
style("#small", { position: "absolute", top: "100px", left: "100px", width: "20px", height: "20px", outline: "none" });
style("#framed", { position: "absolute", top: "300px", left: "100px", width: "60px", height: "60px" });
style("#wide", { width: "3000px" });
style("#scroller", { overflowX: "auto", width: "100px" });
style("#scroller p", { width: "5000px" });
"""


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        page = new_context(browser, "phone").new_page()
        page.set_content("<meta name=viewport content='width=device-width'>")
        page.evaluate(STUFF)
        yield page


class TestMeasures:
    def test_tell_what_is_wide_what_is_small_and_where_the_focus_is_not_seen(self, page: Page) -> None:
        whole, wide = measures.sideways(page)
        assert "scrolls sideways" in whole
        assert wide == "sticks out to 3008: p#wide “wide”"
        assert measures.small_targets(page) == ["too small for a finger (20 by 20): button#small “”"]
        page.keyboard.press("Tab")
        assert measures.unseen_focus(page) == "the focus is not seen on button#small “”"
        page.keyboard.press("Tab")
        assert measures.unseen_focus(page) == ""
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div class=shell></div>')")
        page.evaluate("document.querySelector('.shell').style.height = '30000px'")
        assert "px longer than the window" in measures.sideways(page)[0]


class TestJapanese:
    @pytest.mark.parametrize(("listed", "is_there"), [("Noto Sans CJK JP", True), ("", False)], ids=["listed", "none"])
    def test_is_there_when_the_system_lists_a_font(
        self, listed: str, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lister = tmp_path / "fc-list"
        lister.write_text(f"#!/bin/sh\necho '{listed}'\n")
        lister.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        assert command.has_japanese() is is_there


class TestTheCommand:
    def test_takes_every_picture_of_a_state_and_finds_nothing_wrong_with_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = command.main([str(tmp_path), "--only", *WANTED])

        told = capsys.readouterr().out
        assert code == 0, told
        assert f"{len(WANTED)} states, {8 * len(WANTED)} pictures" in told
        names = {path.name for path in tmp_path.glob("*.png")}
        assert {f"projects-imports-{width}-{theme}.png" for width in (1440, 360) for theme in ("light", "dark")} < names
        assert all(name in (tmp_path / "index.html").read_text() for name in names)
