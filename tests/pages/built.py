"""The built front end, for tests that load it into a browser without a server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route

from config.env import BASE_DIR
from pages.templatetags import bundle

DIST = BASE_DIR / "static" / "dist"
KINDS = {".js": "text/javascript", ".css": "text/css"}


def require() -> None:
    if not (DIST / "manifest.json").exists():
        pytest.skip("the front end is not built: npm run build in frontend/")


def head(*parts: str) -> str:
    """What the head of a page with these elements loads."""
    require()
    manifest = bundle.read("manifest.json")
    sheets = "".join(f'<link rel="stylesheet" href="/{manifest["entries"][name]}">' for name in ("app", "session-page"))
    files = [manifest["main"][0], *(manifest["parts"][part][0] for part in parts)]
    return sheets + "".join(f'<script type="module" src="/{file}"></script>' for file in files)


def is_file(url: str) -> bool:
    path = DIST / url.rpartition("/")[2]
    return path.suffix in KINDS and path.is_file()


def serve(route: Route) -> bool:
    """Answers with the built file of that name, if there is one."""
    if not is_file(route.request.url):
        return False
    path = DIST / route.request.url.rpartition("/")[2]
    route.fulfill(body=path.read_text(), content_type=KINDS[path.suffix])
    return True
