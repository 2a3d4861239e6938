"""What the front end's build left for the pages: names that change with the content, what belongs together, icons."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from pages.templatetags import scripts

DIST = Path(settings.STATICFILES_DIRS[0]) / "dist"
register = template.Library()


@cache
def _parsed(path: Path, changed_at: int) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@cache
def _kept(path: Path) -> dict[str, Any]:
    return _parsed(path, path.stat().st_mtime_ns)


def read(name: str) -> dict[str, Any]:
    """One of the build's own files: read once, since a running server has that build's files; in DEBUG as it is now."""
    path = DIST / name
    if not settings.DEBUG:
        return _kept(path)
    return _parsed(path, path.stat().st_mtime_ns)


def nonce_of(context: Context) -> str:
    """Error pages are rendered without a request, and so without one; there the policy's 'self' is enough."""
    return str(getattr(context.get("request"), "csp_nonce", ""))


def address(file: str) -> str:
    """Without the storage's second hash: chunks import one another by these names."""
    return f"{settings.STATIC_URL}dist/{file}"


@register.simple_tag(takes_context=True)
def early_script(context: Context) -> SafeString:
    """The one script that the page waits for."""
    file = address(read("manifest.json")["entries"]["early"])
    return format_html('<script src="{}" nonce="{}"></script>', file, nonce_of(context))


@register.simple_tag(takes_context=True)
def stylesheet(context: Context, name: str) -> SafeString:
    file = address(read("manifest.json")["entries"][name])
    return format_html('<link rel="stylesheet" href="{}" nonce="{}">', file, nonce_of(context))


@register.simple_tag(takes_context=True)
def scripts_for(context: Context, *parts: str) -> SafeString:
    """The main script, and beforehand all that it and these elements will import and say: nothing waits for another."""
    manifest, nonce = read("manifest.json"), nonce_of(context)
    main, *shared = manifest["main"]
    files = dict.fromkeys([*shared, *(file for part in parts for file in manifest["parts"][part])])
    script = format_html('<script type="module" src="{}" nonce="{}"></script>', address(main), nonce)
    links = ((address(file), nonce) for file in files)
    before = scripts.inside(context) if parts else SafeString("")
    return before + script + format_html_join("", '<link rel="modulepreload" href="{}" nonce="{}">', links)


@register.simple_tag
def icon(name: str) -> SafeString:
    """One of the icons of `frontend/src/icons.ts`, hidden from screen readers."""
    # The drawings are ours, never a user's.
    return format_html('<span class="icon" aria-hidden="true">{}</span>', mark_safe(read("icons.json")[name]))
