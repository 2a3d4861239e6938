"""What pages load: all that they need at once, by names that change with the content and may be kept for ever."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from accounts.models import User
from config.env import BASE_DIR
from config.localization import catalogues, portions
from pages.templatetags import bundle
from sessions.models import AgentSession
from tests.pages import built
from tests.pages.conftest import browser

SOURCES = BASE_DIR / "frontend" / "src"
LATER = set(re.findall(r'"(slw-[\w-]+)"', (SOURCES / "parts.ts").read_text().partition("LATER: ")[2].partition(";")[0]))
WORTH_IT = 1000  # bytes, above which it is sent compressed in any case
FOR_EVER = "max-age=315360000, public, immutable"


@pytest.fixture(autouse=True)
def is_built() -> None:
    built.require()


def copied_catalogues(folder: Path) -> Path:
    """What Django reads is written beside them, which a server may be reading just now."""
    return Path(shutil.copytree(catalogues.LOCALE, folder / "locale"))


def asked(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/static/dist/[^"]+)"', page)


class TestPages:
    def test_load_at_once_all_that_their_elements_import(self, alice: User, session: AgentSession) -> None:
        client = browser(alice)
        parts = bundle.read("manifest.json")["parts"]
        for path in ("/", f"/sessions/{session.pk}/", f"/projects/{session.project_id}/", "/settings/usage/"):
            page = client.get(path).content.decode()
            present = [name for name in parts if f"<{name}" in page and name not in LATER]
            needed = {bundle.address(file) for name in present for file in parts[name]}
            assert present, path
            assert needed <= set(asked(page)), path

    def test_before_sign_in_load_nothing_of_what_is_inside(self, db: None) -> None:
        page = browser().get("/accounts/login/").content.decode()
        manifest = bundle.read("manifest.json")

        assert set(asked(page)) == {
            *(bundle.address(file) for file in manifest["main"]),
            *(bundle.address(manifest["entries"][name]) for name in ("early", "app")),
        }

    def test_are_small_enough_in_every_language(self, tmp_path: Path) -> None:
        catalogues.compile_all(copied_catalogues(tmp_path), tmp_path / "texts")
        for language in catalogues.LANGUAGES:
            first, inside = (
                len(gzip.compress((tmp_path / "texts" / f"{language}{portion}.js").read_bytes()))
                for portion in (portions.FIRST, portions.INSIDE)
            )
            for kind, page in bundle.read("manifest.json")["pages"].items():
                files = sum((built.DIST / f"{file}.gz").stat().st_size for file in page["files"])
                texts = first if kind == "entrance" else first + inside
                assert files + texts <= page["budget"], (kind, language, files, texts)

    def test_of_errors_load_the_same_without_a_request(self) -> None:
        assert asked(render_to_string("errors/alone.html"))


class TestFiles:
    def test_are_kept_for_ever_and_sent_compressed(self, db: None) -> None:
        client = browser()
        files = [*bundle.read("manifest.json")["main"], bundle.read("manifest.json")["entries"]["app"]]
        large = [file for file in files if (built.DIST / file).stat().st_size > WORTH_IT]
        assert len(large) >= 2
        for file in large:
            for encoding in ("gzip", "br"):
                answer = client.get(bundle.address(file), headers={"Accept-Encoding": encoding})
                assert answer["Cache-Control"] == FOR_EVER
                assert answer["Content-Encoding"] == encoding
                body = answer.getvalue()
                answer.close()
                assert encoding == "br" or gzip.decompress(body) == (built.DIST / file).read_bytes()

    def test_of_other_names_are_asked_for_again(self, db: None) -> None:
        answer = browser().get("/static/icons/favicon.svg")
        answer.close()

        assert answer["Cache-Control"] == "max-age=0, public"

    def test_import_one_another_by_names_that_are_there(self) -> None:
        for path in built.DIST.glob("*.js"):
            for name in re.findall(r'(?:from|import)\s*\(?"\./([^"]+)"', path.read_text()):
                assert (built.DIST / name).exists(), f"{path.name} imports {name}"


class TestIcons:
    def test_of_all_templates_are_in_the_one_list(self) -> None:
        templates = (BASE_DIR / "templates").rglob("*.html")
        used = {name for path in templates for name in re.findall(r'{% icon "(\w+)"', path.read_text())}

        assert used
        assert used <= set(bundle.read("icons.json"))
        assert all(drawing.startswith("<svg") for drawing in bundle.read("icons.json").values())
