"""What a build says reaches its row, whenever it says it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from environments.images import records
from environments.images.models import ImageBuild
from environments.images.reporter import Reporter


@pytest.mark.django_db(transaction=True)
class TestFlush:
    async def test_keeps_what_is_said_while_it_stores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reporter, stored = Reporter(ImageBuild(), [1], {1: "RUN x"}), list[str]()

        def report(build: ImageBuild, piece: str, values: dict[str, Any]) -> int:
            stored.append(piece)
            if len(stored) == 1:
                reporter.print("two\n")
            return len(stored)

        monkeypatch.setattr(records, "report", report)
        reporter.print("one\n")
        await reporter.flush(now=True)
        await reporter.flush(now=True)

        assert stored == ["one\n", "two\n"]

    async def test_says_again_what_could_not_be_stored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reporter, stored = Reporter(ImageBuild(), [1], {1: "RUN x"}), list[str]()

        def report(build: ImageBuild, piece: str, values: dict[str, Any]) -> int:
            if not stored:
                stored.append("")
                raise OperationalError
            stored.append(piece)
            return 1

        monkeypatch.setattr(records, "report", report)
        reporter.print("one\n")
        await reporter.flush(now=True)
        await reporter.flush(now=True)

        assert stored == ["", "one\n"]


@pytest.mark.django_db(transaction=True)
class TestFinish:
    async def test_stores_all_that_waits_however_much(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reporter, stored = Reporter(ImageBuild(), [1], {1: "RUN x"}), list[str]()

        def report(build: ImageBuild, piece: str, values: dict[str, Any]) -> int:
            stored.append(piece)
            return len(stored)

        monkeypatch.setattr(records, "report", report)
        text = "".join(f"line {number}\n" for number in range(20_000))
        reporter.print(text)

        await reporter.finish()

        assert "".join(stored) == text
        assert len(stored) > 1
