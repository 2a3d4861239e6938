"""No text that people see stays unmarked, in templates, scripts, forms and views."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.localization import bare
from config.localization.sources import FOREIGN, PACKAGES, ROOT

TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*.html")) if not FOREIGN & set(path.parts)]
SCRIPTS = [path for path in sorted((ROOT / "frontend" / "src").rglob("*.ts")) if path.name not in FOREIGN]
PAGES = sorted(
    path
    for app in PACKAGES
    for name in ("forms", "views", "pages", "context")
    for path in ROOT.glob(f"{app}/*{name}.py")
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestBare:
    def test_finds_words_and_spoken_attributes_of_templates(self) -> None:
        source = """{% load i18n %}<h1 class="big title">{% translate "Known" %}</h1>
            <{% if x %}a{% else %}b{% endif %} title="Not marked" href="/x">{{ name }} <p>Some words</p>{# a remark #}
            {% blocktranslate %}Fine {{ x }}{% endblocktranslate %}<kbd>Esc</kbd> Slipway"""

        assert bare.in_template(source) == ["Not marked", "Some words"]

    def test_finds_them_in_templates_inside_of_templates(self) -> None:
        source = """html`<button class="a ${is ? "on" : "off"}" aria-label="Close it" @click=${() => { go("}"); }}>
            ${list.map((one) => html`<b title=${gettext("Known")}>Inner words ${one}</b>`)} ${gettext("Outer")}
            </button>`"""

        assert bare.in_typescript(source) == ["Close it", "Inner words ¤"]

    def test_finds_properties_that_are_shown(self) -> None:
        source = (
            'offer({ id: "go", title: "Go home", group: gettext("Go") }); // title: "Remark"\nnote({ text: "waits" })'
        )

        assert bare.in_typescript(source) == ["Go home"]

    def test_finds_labels_and_sentences_of_forms(self) -> None:
        source = '''
class F(Form):
    """Documented."""
    name = CharField(label="Name", help_text=_("Known."))
    def clean(self):
        messages.success(request, "It was saved.")
        raise Invalid("Told later.")
'''

        assert bare.in_python(source) == ["Name", "It was saved."]


class TestTheSources:
    @pytest.mark.parametrize("path", TEMPLATES, ids=relative)
    def test_of_templates_mark_every_text(self, path: Path) -> None:
        assert bare.in_template(path.read_text()) == []

    @pytest.mark.parametrize("path", SCRIPTS, ids=relative)
    def test_of_scripts_mark_every_text(self, path: Path) -> None:
        assert bare.in_typescript(path.read_text()) == []

    @pytest.mark.parametrize("path", PAGES, ids=relative)
    def test_of_forms_and_views_mark_every_text(self, path: Path) -> None:
        assert bare.in_python(path.read_text()) == []

    def test_leave_numbers_and_times_to_the_language(self) -> None:
        """One module writes them; `toFixed` and the browser's own language would differ from the page's."""
        found = [
            f"{relative(path)}: {line.strip()}"
            for path in SCRIPTS
            if path.name not in ("format.ts", "i18n.ts")
            for line in path.read_text().splitlines()
            if "toLocale" in line or "toFixed(" in line or "Intl." in line
        ]

        assert found == []
