"""Why something ended, as people read it."""

from __future__ import annotations

from sandbox.errors import SandboxError
from sessions.engine import causes


class TestATurnThatFailed:
    def test_on_a_full_disk_says_what_to_do(self) -> None:
        told = causes.turn_failed(SandboxError("[Errno 28] No space left on device"))

        assert "Errno" not in told
        assert "free some space" in told

    def test_is_told_in_the_sandboxs_own_words_else(self) -> None:
        assert causes.turn_failed(SandboxError("The sandbox is busy.")) == "The sandbox is busy."
