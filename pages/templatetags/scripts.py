"""What the scripts of a page need from the server: their texts in the page's language, and how the person likes it."""

from __future__ import annotations

from functools import cache

from django import template
from django.conf import settings
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts import preferences

register = template.Library()


@cache
def _is_compiled(language: str) -> bool:
    return any((place / "texts" / f"{language}.js").exists() for place in settings.STATICFILES_DIRS)


@register.simple_tag(takes_context=True)
def translations(context: Context) -> SafeString:
    """What every page says in its language, before the elements' own script; nothing where that is English."""
    return _texts(context, "", "defer")


def inside(context: Context) -> SafeString:
    """What else is said inside at once; and what is said later, for which nothing waits but who says it."""
    later = _texts(context, "-later", "async data-later")
    return _texts(context, "-inside", "defer") + later


def _texts(context: Context, portion: str, when: str) -> SafeString:
    """One of the scripts that `config.localization.portions` makes of a catalogue."""
    language = get_language() or ""
    if not _is_compiled(language):
        return SafeString("")
    nonce = getattr(context.get("request"), "csp_nonce", "")
    source = static(f"texts/{language}{portion}.js")
    return format_html('<script {} src="{}" nonce="{}"></script>', SafeString(when), source, nonce)


@register.simple_tag(takes_context=True)
def preferences_data(context: Context) -> SafeString:
    """How the person who is signed in likes it, where `preferences.ts` looks for it."""
    chosen = getattr(context.get("request"), "preferences", None)
    if chosen is None or chosen.user_id is None:
        return SafeString("")
    return json_script(preferences.shown(chosen), "preferences-data")
