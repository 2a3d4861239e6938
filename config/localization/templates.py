"""Texts in templates: Django turns its tags into calls of gettext, as for `makemessages`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from django.utils.translation.template import templatize

from config.localization.text import Text

STRING = r"""u?('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
CALL = re.compile(rf"(?<!\w)(?:(?:gettext|_)\({STRING}\)|ngettext\({STRING}, {STRING}, ?count\))")


def marked(source: str) -> Iterator[Text]:
    for found in CALL.finditer(templatize(source)):
        yield Text.of(str(ast.literal_eval(group)) for group in found.groups() if group)
