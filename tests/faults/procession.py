"""Sessions of which each sees its server die at four moments, one behind the other, so that a death may serve two."""

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
SLOWLY = script(
    [{"text": SPOKEN, "chunks": 60, "delay": 0.12}, {"tool": "Bash", "input": {"command": COMMAND}}],
    {"text": "the end"},
)


@dataclass
class Procession:
    """Each round three deaths: the first meets one session before delivery while the one ahead of it waits for a
    permission, the second meets it in mid-stream, the third meets the one ahead as it commits its result."""

    world: World
    alice: Client
    met: Counter[str] = field(default_factory=Counter)
    pages: dict[str, contextlib.ExitStack] = field(default_factory=dict)

    def pass_by(self, times: int) -> None:
        """Until the server has died at each moment as often as asked."""
        self.alice.project()
        ahead = ""
        try:
            while ahead or self.met[STREAM] < times:
                behind = self._first_death(ahead, is_last=self.met[STREAM] >= times)
                if behind:
                    self._second_death(behind)
                if ahead:
                    self._third_death(ahead)
                ahead = behind
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

    def _second_death(self, behind: str) -> None:
        self.world.until(streams(self.world, behind), "text")
        self.world.kill()
        self.met[STREAM] += b'"message_stop"' not in spool(self.world, behind)
        self.world.tend()

    def _third_death(self, ahead: str) -> None:
        question: list[dict[str, Any]] = self.world.until(asks(self.alice, ahead), "the question, still")
        self.world.arm("turn.before_result_commit=kill")
        self.alice.answer(ahead, question[0]["id"])
        self.world.until(lambda: self.world.has_acted, "the death before the result's commit")
        self.met[RESULT] += 1
        self.world.tend()
        self.alice.until_done(ahead)
        self.pages.pop(ahead).close()
        assert_story(self.alice, ahead)

    def _look_at(self, session_id: str) -> None:
        self.pages[session_id] = contextlib.ExitStack()
        self.pages[session_id].enter_context(watching(self.alice, session_id))
