"""Why a journey failed: what its pages show and met, and what its servers wrote last, for the report."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Response

from tests.journeys.server import Server

SHOWN_CHARACTERS = 2000
MET = 30
ASK_MS = 3000

_met: dict[BrowserContext, deque[str]] = {}


def listen(context: BrowserContext) -> None:
    """Remember the last things that went wrong in a context, until it is closed."""
    met = _met[context] = deque[str](maxlen=MET)

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            met.append(f"{message.type}: {message.text}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            met.append(f"{response.status}: {response.request.method} {response.url}")

    context.on("console", console)
    context.on("response", answered)
    context.on("weberror", lambda error: met.append(f"script: {error.error}"))
    context.on("requestfailed", lambda lost: met.append(f"{lost.failure}: {lost.method} {lost.url}"))
    context.on("close", _forget)


def _forget(context: BrowserContext) -> None:
    _met.pop(context, None)


def sections(things: Iterable[object], *, is_interrupted: bool = False) -> Iterator[tuple[str, str]]:
    """Title and text for each page and server among the things that a test was given.

    Args:
        is_interrupted: the test was cut short in the middle of a call, so that browsers answer no more.
    """
    for thing in things:
        if isinstance(thing, Browser):
            for context in thing.contexts:
                yield from _pages(context, is_interrupted)
        elif isinstance(thing, Server):
            yield f"the end of the log of {thing.url}", thing.logs()


def _pages(context: BrowserContext, is_interrupted: bool) -> Iterator[tuple[str, str]]:
    for page in context.pages:
        yield f"the page {page.url}", "(was not asked)" if is_interrupted else _shown(page)
    yield "errors in these pages", "\n".join(_met.get(context, ())) or "(none)"


def _shown(page: Page) -> str:
    try:
        return page.inner_text("body", timeout=ASK_MS)[-SHOWN_CHARACTERS:]
    except Error as error:
        return f"(does not answer: {error.message})"
