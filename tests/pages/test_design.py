"""The living page of the components, and the style sheets' own rules."""

from __future__ import annotations

import re

from pytest_django.fixtures import Settings

from config.env import BASE_DIR
from pages import design
from tests.pages.conftest import browser

STYLES = sorted((BASE_DIR / "frontend" / "src" / "styles").glob("*.css"))
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|oklch|light-dark)\(")
SHADOW = re.compile(r"box-shadow:(?!\s*(?:var\(--shadow\)|none|inset|0 0 0 ))")
SLOW = re.compile(r"transition:[^;]*?(?<![\w.-])(\d+m?s|\.?\d+s)")


class TestDesign:
    def test_shows_every_component_in_developer_mode_only(self, db: None, settings: Settings) -> None:
        assert browser().get("/design/").status_code == 404
        settings.DEBUG = True
        page = browser().get("/design/").content.decode()

        assert all(
            f'data-specimen="{name}-{theme}"' in page for name in design.COMPONENTS for theme in ("light", "dark")
        )


class TestStyles:
    def test_take_every_colour_and_shadow_from_the_tokens(self) -> None:
        found = []
        for path in STYLES:
            if path.name == "tokens.css":
                continue
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
            found += [f"{path.name}: {match.group()}" for match in (*COLOUR.finditer(text), *SHADOW.finditer(text))]

        assert found == []

    def test_move_as_fast_as_the_token_says(self) -> None:
        assert [path.name for path in STYLES if SLOW.search(path.read_text())] == []
