"""What there is to translate: found in Python, templates and TypeScript without GNU gettext's programs."""

from __future__ import annotations

import re

from config.localization import python, templates, typescript
from config.localization.sources import ROOT, texts
from config.localization.text import Text


class TestPython:
    def test_collects_what_gettext_marks(self) -> None:
        source = (
            'a = _("Name")\nb = ngettext("%(count)s file", "%(count)s files", n) % {"count": n}\nc = gettext(other)'
        )

        assert list(python.marked(source)) == [Text("Name"), Text("%(count)s file", "%(count)s files")]

    def test_collects_the_sentences_of_errors_and_of_the_log(self) -> None:
        source = '''
"""A module says what it is for."""

class NameTaken(Conflict):
    """There is one already."""

class Row(models.Model):
    """Not for people."""

def stop(by):
    """Documentation."""
    log.warning("Nobody sees this.")
    Field(1, description="For programmers.")
    raise Invalid.field("name", f"A name has {least} to {most} letters" " or digits.")

GUESTS = "There is no %s in %s." % (a, b)
WORD = "word"
'''

        assert [text.one for text in python.sentences(source)] == [
            "There is one already.",
            "A name has {0} to {1} letters or digits.",
            "There is no {0} in {1}.",
        ]


class TestTemplates:
    def test_collects_tags_blocks_and_plurals(self) -> None:
        source = """{% load i18n %}{% translate "Sign in" %}<p title="{% translate 'Only 5% off' %}">
        {% blocktranslate trimmed count n=total %}{{ n }} session
        {% plural %}{{ n }} sessions{% endblocktranslate %}{% include "x.html" with title=_("Keys") %}"""

        assert list(templates.marked(source)) == [
            Text("Sign in"),
            Text("Only 5%% off"),
            Text("%(n)s session", "%(n)s sessions"),
            Text("Keys"),
        ]


class TestTypeScript:
    def test_collects_literals_over_several_lines(self) -> None:
        source = 'gettext("Say “hi” \\"now\\"");\nngettext(\n  "{count} line", "{count} lines", n)'

        assert list(typescript.marked(source)) == [Text('Say “hi” "now"'), Text("{count} line", "{count} lines")]

    def test_tells_of_calls_that_nobody_can_collect(self) -> None:
        source = 'gettext(name);\ngettext("known");\ngettext(`a ${b}`);\nexport function gettext(message: string) {}'

        assert typescript.unreadable(source) == ["gettext(name);", "gettext(`a ${b}`);"]


class TestTheSources:
    def test_have_each_marked_text_in_a_form_that_can_be_collected(self) -> None:
        paths = sorted((ROOT / "frontend" / "src").rglob("*.ts"))

        assert {path.name: found for path in paths if (found := typescript.unreadable(path.read_text()))} == {}

    def test_fill_in_values_by_name(self) -> None:
        """Without a name nobody can translate "%s of %s" into a language with another order."""
        found = [text.one for domain in texts().values() for text in domain]

        assert [one for one in found if re.search(r"%[sd]|\{\}", one)] == []
