"""What a running build has to tell: gathered as it comes, stored a few times a second."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from channels.db import database_sync_to_async as in_db
from django.db import InterfaceError, OperationalError

from environments.images import records
from environments.images.models import ImageBuild

logger = structlog.get_logger(__name__)

REPORT_EVERY_S = 0.3
HEARTBEAT_EVERY_S = 1.0
MAX_LOG = 2**20  # characters of one build's output
MAX_PIECE = 32 * 1024  # characters
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n|$)")
_LEFT_OUT = "\n[The rest of the output is left out.]\n"


def clean(text: str) -> str:
    """Output as plain text: no colours or control characters; of a line that is drawn over and over the last state."""
    text = _OVERWRITTEN.sub("", _CONTROL.sub("", _COLOURS.sub("", text))).replace("\r", "")
    return text.encode(errors="replace").decode()


class Reporter:
    """The progress of one build; all of it happens in one event loop."""

    def __init__(self, build: ImageBuild, steps: list[int | None], texts: dict[int, str]) -> None:
        self.build, self._steps, self._texts = build, steps, texts
        self._total = sum(line is not None for line in steps)
        self._step, self._line = 0, None  # type: int, int | None
        self._waiting, self._length = "", 0
        self._is_changed = True
        self._written_at = 0.0

    def step(self, number: int) -> None:
        """The engine begins its step `number`, from 1; those that we have added are nobody's business."""
        if not 1 <= number <= len(self._steps) or (line := self._steps[number - 1]) is None:
            return
        self._step = sum(one is not None for one in self._steps[:number])
        self._line, self._is_changed = line, True
        self.print(f"[{self._step}/{self._total}] {self._texts.get(line, '')}\n")

    def print(self, text: str) -> None:
        """Output, until there is too much of it."""
        if self._length >= MAX_LOG:
            return
        self._length += len(text)
        self._waiting += text if self._length < MAX_LOG else _LEFT_OUT
        self._is_changed = True

    async def flush(self, *, now: bool = False) -> None:
        """Store what has gathered, when it is time. Raises: BuildStopped."""
        waited = time.monotonic() - self._written_at
        if not now and waited < (REPORT_EVERY_S if self._is_changed else HEARTBEAT_EVERY_S):
            return
        self._written_at = time.monotonic()
        taken, self._is_changed = self._waiting[:MAX_PIECE], False  # more may come while this is stored
        values: dict[str, Any] = {"step": self._step, "steps": self._total, "line": self._line}
        try:
            self.build.last_seq = await in_db(records.report)(self.build, clean(taken), values)
        except (OperationalError, InterfaceError) as error:
            logger.warning("build_report_failed", build_id=str(self.build.pk), error=type(error).__name__)
            self._is_changed = True
            return  # an outage of the database is no reason to give up a build
        self._waiting = self._waiting[len(taken) :]
        self._is_changed |= bool(self._waiting)

    async def finish(self) -> None:
        """Store all that has gathered. Raises: BuildStopped."""
        for _ in range(MAX_LOG // MAX_PIECE + 1):
            await self.flush(now=True)
            if not self._waiting:
                return
