"""Which files have texts for people, and every such text with where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from config.localization.python import marked as marked_in_python
from config.localization.python import noted, sentences
from config.localization.templates import marked as marked_in_template
from config.localization.text import Text
from config.localization.typescript import marked as marked_in_typescript

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "accounts",
    "config",
    "environments",
    "gateway",
    "guest",
    "pages",
    "projects",
    "runtime",
    "sandbox",
    "sessions",
)
# The operator's pages and programs, and the developers' page of the components, speak English; the practice model is an
# agent; the sample is a project.
FOREIGN = {"admin", "admin.py", "operations.py", "observability", "env.py", "doctor.py", "postgres.py", "serving.py"}
FOREIGN |= {"worker.py", "bodies.py", "daphne.py", "sockets.py", "management", "design", "design.ts", "design.py"}
FOREIGN |= {"failpoints.py", "metrics.py", "tracing.py"}
FOREIGN |= {"practice", "sample", "testing.py", "migrations", "localization"}
# What these say is kept in the log or in rows, in English, and translated by the page that shows it.
TOLD_LATER = ("environments/", "guest/", "projects/", "runtime/", "sandbox/", "sessions/")


def texts() -> dict[str, list[Text]]:
    """Everything there is to translate, by gettext's domain, each text once."""
    server = [*_each("templates", "*.html", "*.txt", read=marked_in_template), *_python(marked_in_python)]
    told = [*_python(sentences), *_python(noted)]
    scripts = list(_each("frontend/src", "*.ts", read=marked_in_typescript))
    later = [text for text in told if text.place.startswith(TOLD_LATER)]
    return {"django": _once([*server, *told]), "djangojs": _once([*scripts, *later])}


def _python(read: Callable[[str], Iterator[Text]]) -> Iterator[Text]:
    for package in PACKAGES:
        yield from _each(package, "*.py", read=read)


def _each(folder: str, *patterns: str, read: Callable[[str], Iterator[Text]]) -> Iterator[Text]:
    for path in sorted(path for pattern in patterns for path in (ROOT / folder).rglob(pattern)):
        place = path.relative_to(ROOT)
        if not FOREIGN & set(place.parts):
            for text in read(path.read_text()):
                yield text.at(str(place))


def _once(found: list[Text]) -> list[Text]:
    kept: dict[str, Text] = {}
    for text in found:
        known = kept.get(text.one)
        kept[text.one] = text if known is None else known.merged(text)
    return list(kept.values())
