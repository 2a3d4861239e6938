"""What the scripts of a page need from the server, as data: their translations, and how the person likes it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.template import Context
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JavaScriptCatalog

from accounts import preferences

register = template.Library()

COUNTS = range(200)  # plural forms repeat with the last two digits


class _Catalogue(JavaScriptCatalog):
    """Django's own reading of the `djangojs` catalogues, without its script and its page."""

    def texts(self, language: str) -> dict[str, Any]:
        self.translation = DjangoTranslation(
            language, domain=self.domain, localedirs=[str(path) for path in settings.LOCALE_PATHS]
        )
        return dict(self.get_catalog())


@cache
def catalogue(language: str) -> dict[str, Any] | None:
    """`texts` by their English, lists where there are plural forms, and `plurals`: which form each count takes."""
    view = _Catalogue()
    texts = view.texts(language)
    own = {text: found for text, found in texts.items() if found and found != text}
    if not own:
        return None
    return {"texts": own, "plurals": [int(view.translation.plural(count)) for count in COUNTS]}


@register.simple_tag
def translations() -> SafeString:
    """The catalogue of the page's language, where the scripts look for it; nothing in the language of the sources."""
    found = catalogue(get_language() or "")
    return json_script(found, "translations") if found else SafeString("")


@register.simple_tag(takes_context=True)
def preferences_data(context: Context) -> SafeString:
    """How the person who is signed in likes it, where `preferences.ts` looks for it."""
    chosen = getattr(context.get("request"), "preferences", None)
    if chosen is None or chosen.user_id is None:
        return SafeString("")
    return json_script(preferences.shown(chosen), "preferences-data")
