"""The living page of the components, for those who build with them."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

COMPONENTS = {
    "tokens": "Tokens",
    "buttons": "Buttons",
    "fields": "Fields",
    "choices": "Choices",
    "states": "States, notes, empty",
    "lists": "Cards and tables",
    "overlays": "Menus, dialogs, toasts",
    "navigation": "Tabs, panes, tree",
    "code": "Code and changes",
    "waiting": "Waiting",
}
COLOURS = [
    "accent",
    "accent-soft",
    *(f"{name}{end}" for name in ("running", "waiting", "done", "failed") for end in ("", "-soft")),
]


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for those who build with them."""
    if not settings.DEBUG:
        raise Http404
    parts = [(name, title, f"design/{name}.html") for name, title in COMPONENTS.items()]
    shown = {"parts": parts, "themes": ["light", "dark"], "digits": "0123456789", "colours": COLOURS, "panels": "1234"}
    return render(request, "design/page.html", shown)
