"""A whole conversation as Markdown, made while it is sent: one page of the log is in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from channels.db import database_sync_to_async as in_db
from django.utils import translation

from sessions import queries
from sessions.live.stream import give_thread_back
from sessions.log.markdown import Event, Writer
from sessions.models import AgentSession

PAGE = 200  # events


async def markdown(session: AgentSession, language: str) -> AsyncGenerator[str]:
    """The log as it was when this was asked for, in blocks, with the words around them in this language."""
    give_thread_back()
    writer, after, last = Writer(), 0, session.last_seq
    yield f"# {' '.join(session.name.split())}\n"
    while after < last:
        page = await in_db(queries.events_after)(session.pk, after, min(PAGE, last - after))
        if not page:
            break
        after = page[-1]["seq"]
        if text := _written(writer, page, language):
            yield text
    with translation.override(language):
        rest = [f"\n{block}\n" for block in writer.end()]
    yield "".join(rest)


def _written(writer: Writer, page: list[Event], language: str) -> str:
    with translation.override(language):
        return "".join(f"\n{block}\n" for event in page for block in writer.take(event))
