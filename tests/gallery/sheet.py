"""The contact sheet: all pictures of a run on one page, with what was wrong beside them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from tests.gallery.camera import Shots

STYLE = """body { font: 14px/1.4 system-ui; margin: 16px; color-scheme: light dark }
section { margin: 0 0 32px } .row { display: flex; gap: 8px; overflow-x: auto; align-items: start }
img { height: 300px; border: 1px solid #8888; display: block } h2 { margin: 0 0 4px } li { color: #c33 }
nav { columns: 4; margin: 0 0 24px }"""


def write(folder: Path, taken: Sequence[Shots], head: str) -> Path:
    """Returns the page."""
    links = "".join(f"<a href='#{one.state.title}'>{_mark(one)}{one.state.title}</a><br>" for one in taken)
    body = "".join(_section(one) for one in taken)
    page = folder / "index.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>Slipway in pictures</title><style>{STYLE}</style>"
        f"<h1>Slipway in pictures</h1><p>{html.escape(head)}</p><nav>{links}</nav>{body}"
    )
    return page


def _mark(one: Shots) -> str:
    return "✗ " if one.wrong else ""


def _section(one: Shots) -> str:
    wrong = "".join(f"<li>{html.escape(text)}</li>" for text in one.wrong)
    pictures = "".join(
        f"<a href='{name}'><img loading=lazy src='{name}' title='{name}' alt='{name}'></a>" for name in one.files
    )
    return (
        f"<section id='{one.state.title}'><h2>{one.state.title}</h2><ul>{wrong}</ul>"
        f"<div class=row>{pictures}</div></section>"
    )
