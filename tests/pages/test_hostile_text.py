"""What an agent writes cannot act: the built bundle renders hostile markdown and tool calls in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.pages import built

pytestmark = pytest.mark.browser

ORIGIN = "http://slipway.test"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
HOSTILE = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "<svg onload=window.hit=1><a xlink:href='javascript:window.hit=1'>x</a></svg>",
    "[click](javascript:window.hit=1) [two](data:text/html,<script>window.hit=1</script>) [three](vbscript:x)",
    "![tracker](http://evil.test/pixel.png) ![x](//evil.test/y)",
    "[relative](/accounts/logout/) [up](../x)",
    '<form action="/accounts/logout/" method="post"><button>Sign out</button></form>',
    '<a href="https://ok.test" style="position:fixed;inset:0" class="button primary" id="main">x</a>',
    "```html\n<img src=x onerror=window.hit=1>\n```",
    '```"><img src=x onerror=window.hit=1>\ncode\n```',
    "<math><mi//xlink:href='data:x,<script>window.hit=1</script>'>",
    "<style>* { display: none }</style><iframe src='http://evil.test'></iframe><base href='http://evil.test/'>",
    "| a | b |\n|---|---|\n| <img src=x onerror=window.hit=1> | [x](javascript:window.hit=1) |",
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    frame = f"<!doctype html><html><head>{built.head('slw-session', 'slw-permission')}"

    def answer(route: Route) -> None:
        if not route.request.url.startswith(ORIGIN):
            route.abort()
        elif not built.serve(route):
            route.fulfill(body=frame, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page()
        page.route("**/*", answer)
        page.goto(ORIGIN)
        page.wait_for_function("customElements.get('slw-markdown') !== undefined")
        yield page
        browser.close()


def shown(page: Page, text: str) -> dict[str, Any]:
    """What became of the text: dangerous parts found, links, and the words."""
    found: dict[str, Any] = page.evaluate(
        """async (text) => {
            window.hit = 0;
            const view = document.createElement("slw-markdown");
            document.body.replaceChildren(view);
            view.text = text;
            await new Promise((done) => setTimeout(done, 50));
            const all = [...view.querySelectorAll("*")];
            return {
                hit: window.hit,
                tags: all.map((node) => node.localName),
                attributes: all.flatMap((node) => node.getAttributeNames()),
                classes: all.map((node) => node.className),
                links: [...view.querySelectorAll("a")].map((node) => [node.getAttribute("href"), node.rel]),
                text: view.textContent,
            };
        }""",
        text,
    )
    return found


class TestMarkdown:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_runs_and_loads_nothing(self, page: Page, text: str) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        found = shown(page, text)

        assert found["hit"] == 0
        assert [url for url in asked if not built.is_file(url)] == []  # our own colours for a language may come
        assert not {"script", "img", "svg", "form", "iframe", "style", "base", "input", "math", "object"} & {
            *found["tags"]
        }
        assert not [name for name in found["attributes"] if name.startswith("on") or name in ("style", "id", "src")]
        assert not [name for name in found["classes"] if "button" in name]

    @pytest.mark.parametrize("text", HOSTILE)
    def test_links_only_to_the_web_and_to_mail(self, page: Page, text: str) -> None:
        for href, rel in shown(page, text)["links"]:
            assert href is None or href.startswith(("http://", "https://", "mailto:"))
            assert href is None or "noopener" in rel

    def test_shows_markup_as_the_text_that_it_is(self, page: Page) -> None:
        assert "<script>window.hit = 1</script>" in shown(page, HOSTILE[0])["text"]

    def test_renders_what_agents_write(self, page: Page) -> None:
        found = shown(page, "# Done\n\n- one\n- **two**\n\n```python\nprint(1)\n```\n\n[docs](https://docs.test/)")

        assert {"h1", "ul", "li", "strong", "pre", "code", "a"} <= {*found["tags"]}
        assert "language-python" in found["classes"]
        assert found["links"] == [["https://docs.test/", "noopener noreferrer nofollow"]]

    def test_keeps_where_lists_begin_and_how_columns_are_set(self, page: Page) -> None:
        text = "3. three\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n<td align=x start=javascript:1>"
        assert {"align", "start"} <= {*shown(page, text)["attributes"]}

    def test_keeps_what_is_shown_while_the_text_grows(self, page: Page) -> None:
        kept = page.evaluate(
            """() => {
                const view = document.createElement("slw-markdown");
                document.body.replaceChildren(view);
                view.text = "first\\n\\nsec";
                const first = view.firstElementChild;
                view.text = "first\\n\\nsecond **bold**";
                return view.firstElementChild === first && view.textContent.includes("second bold");
            }"""
        )

        assert kept is True


class TestPermissionCard:
    def test_shows_the_whole_command_and_what_would_hide_in_it(self, page: Page) -> None:
        command = "echo safe \u202e; rm -rf /\u202c #\u200b\n<b>bold</b>" + " x" * 500
        permission = {"id": "p", "kind": "TOOL", "tool": "Bash", "input": {"command": command}, "cwd": "/workspace"}

        text = page.evaluate(
            """async (permission) => {
                const card = document.createElement("slw-permission");
                card.pending = [{description: "", suggestions: [], ...JSON.parse(permission)}];
                document.body.replaceChildren(card);
                await card.updateComplete;
                await card.querySelector("slw-asked-code").updateComplete;
                return card.querySelector(".command").textContent;
            }""",
            json.dumps(permission),
        )

        assert "U+202E" in text
        assert "U+200B" in text
        assert "\u202e" not in text
        assert "<b>bold</b>" in text
        assert text.count(" x") == 500
