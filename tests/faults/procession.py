"""Sessions of which each sees its server die at four moments, one behind the other, so that one death serves two."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stories import COMMAND, SPOKEN, asks, assert_story, spool, streams
from tests.faults.watching import watching
from tests.faults.world import Client, World, script

DELIVERY, STREAM, QUESTION, RESULT = MOMENTS = (
    "before delivery",
    "in mid-stream",
    "while a permission waits",
    "after the result, before its commit",
)
SPARE = 5  # how often an answer may have been over when the server died
SLOWLY = script(
    [{"text": SPOKEN, "chunks": 60, "delay": 0.25}, {"tool": "Bash", "input": {"command": COMMAND}}],
    {"text": "the end"},
)


@dataclass
class Procession:
    """Each round two deaths: the first meets one session before delivery while the one ahead of it waits for a
    permission; the second meets it in mid-stream while the one ahead commits its result."""

    world: World
    alice: Client
    met: Counter[str] = field(default_factory=Counter)
    pages: dict[str, contextlib.ExitStack] = field(default_factory=dict)

    def pass_by(self, times: int) -> None:
        """Until the server has died at each moment as often as asked."""
        self.alice.project()
        ahead, begun = "", 0
        try:
            while ahead or self.met[STREAM] < times:
                assert begun <= times + SPARE, f"too few streams were met: {self.met}"
                is_last = self.met[STREAM] >= times
                behind = self._first_death(ahead, is_last=is_last)
                self._second_death(ahead, behind)
                self._end(ahead)
                ahead, begun = behind, begun + 1
        finally:
            for stack in self.pages.values():
                stack.close()

    def _first_death(self, ahead: str, *, is_last: bool) -> str:
        """The session that was not yet told its message; none behind the last."""
        behind = ""
        if ahead:
            self.world.until(asks(self.alice, ahead), "the question")
        if is_last:
            self.world.kill()
        else:
            self.world.arm("turn.before_delivery=kill")
            behind = self.alice.begin(SLOWLY)
            self._look_at(behind)
            self.world.until(lambda: self.world.has_acted, "the death before delivery")
            self.met[DELIVERY] += 1
        if ahead:
            self.met[QUESTION] += 1
        self.world.tend()
        return behind

    def _second_death(self, ahead: str, behind: str) -> None:
        if behind:
            self.world.until(streams(self.world, behind), "text")
        if ahead:
            question: list[dict[str, Any]] = self.world.until(asks(self.alice, ahead), "the question, still")
            self.world.arm("turn.before_result_commit=kill")
            self.alice.answer(ahead, question[0]["id"])
            self.world.until(lambda: self.world.has_acted, "the death before the result's commit")
            self.met[RESULT] += 1
        else:
            self.world.kill()
        if behind and b'"message_stop"' not in spool(self.world, behind):
            self.met[STREAM] += 1
        self.world.tend()

    def _look_at(self, session_id: str) -> None:
        self.pages[session_id] = contextlib.ExitStack()
        self.pages[session_id].enter_context(watching(self.alice, session_id))

    def _end(self, session_id: str) -> None:
        if session_id:
            self.alice.until_done(session_id)
            self.pages.pop(session_id).close()
            assert_story(self.alice, session_id)
