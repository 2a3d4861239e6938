"""What all pages and templates keep to: nothing inline that the CSP would refuse, labelled fields, marked strings."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from accounts.models import User
from config.env import BASE_DIR
from sessions.models import AgentSession
from tests.pages.conftest import browser

DESIGN = BASE_DIR / "templates" / "design"  # for those who build with the components, in developer mode
TEMPLATES = sorted(path for path in (BASE_DIR / "templates").rglob("*.html") if DESIGN not in path.parents)
TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
SETTINGS = ["profile", "appearance", "notifications", "keyboard", "organization", "usage", "model-key", "tokens"]
SIGNED_IN = [
    "/",
    "/settings/",
    *(f"/settings/{section}/" for section in SETTINGS),
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/sessions/",
]
BLOCKTRANSLATE = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}", re.DOTALL)
BRAND = re.compile(r"[·\s]*Slipway")


class Markup(HTMLParser):
    """Collects what must not be in a page, and the texts of a template."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.texts: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        is_data = values.get("type") == "application/json"
        self.inline += [f"{tag} {name}" for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in values and not is_data):
            self.inline.append(f"inline {tag}")
        if tag in ("script", "link") and values.get("rel") != "icon" and "nonce" not in values and not is_data:
            self.inline.append(f"{tag} without a nonce")
        if tag == "label":
            self.labelled.add(values.get("for") or "")
        if tag in ("input", "select", "textarea") and values.get("type") not in ("hidden", "submit"):
            self.controls.append(values)
        if "id" in values:
            self.ids.append(values["id"] or "")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def parsed(markup: str) -> Markup:
    parser = Markup()
    parser.feed(markup)
    return parser


class TestPages:
    @pytest.fixture
    def pages(self, alice: User, session: AgentSession) -> dict[str, str]:
        inside = [
            *SIGNED_IN,
            f"/sessions/{session.pk}/",
            f"/projects/{session.project_id}/",
        ]
        outside = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/"]
        signed_in, anonymous = browser(alice), browser()
        found = {path: signed_in.get(path).content.decode() for path in inside}
        return found | {path: anonymous.get(path).content.decode() for path in outside}

    def test_have_nothing_inline(self, pages: dict[str, str]) -> None:
        assert {path: parsed(page).inline for path, page in pages.items() if parsed(page).inline} == {}

    def test_have_a_label_for_every_control(self, pages: dict[str, str]) -> None:
        for path, page in pages.items():
            markup = parsed(page)
            named = [one for one in markup.controls if one.get("id") in markup.labelled or "aria-label" in one]
            assert named == markup.controls, path

    def test_use_an_id_once(self, pages: dict[str, str]) -> None:
        for path, page in pages.items():
            ids = parsed(page).ids
            assert len(ids) == len(set(ids)), path

    def test_follow_the_theme_of_the_cookie_and_nothing_else(self, alice: User) -> None:
        client = browser(alice)
        for theme, attribute in (("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ('"><b>', "")):
            client.cookies["theme"] = theme
            assert f'<html lang="en"{attribute}>' in client.get("/").content.decode()

    def test_name_the_request_when_they_tell_of_an_error(self, alice: User) -> None:
        answer = browser(alice).get("/nowhere/")

        assert answer.status_code == 404
        assert answer["X-Request-ID"] in answer.content.decode()


class TestTemplates:
    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(BASE_DIR)))
    def test_mark_every_text_for_translation(self, path: Path) -> None:
        source = TAG.sub("", BLOCKTRANSLATE.sub("", path.read_text()))
        bare = [text for text in parsed(source).texts if re.search(r"[A-Za-z]{2}", text) and not BRAND.fullmatch(text)]

        assert bare == []
