"""E39: the model's service refuses, breaks off, or is away."""

from __future__ import annotations

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.world import Client, World, script
from tests.journeys.wire import query

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

OVERLOADED = {"http": 529, "etype": "overloaded_error", "times": 2}
FAULTS = {
    "429": [
        {"http": 429, "etype": "rate_limit_error", "times": 1, "headers": {"retry-after": "1"}},
        {"text": "the end"},
    ],
    "500": [{"http": 500, "etype": "api_error", "times": 2}, {"text": "the end"}],
    "529": [OVERLOADED, {"text": "the end"}],
}


class TestE39:
    @pytest.mark.thorough
    @pytest.mark.parametrize("fault", FAULTS)
    def test_what_passes_by_itself_is_tried_again(self, world: World, alice: Client, fault: str) -> None:
        session_id = alice.begin(script(FAULTS[fault]))
        done = alice.until_done(session_id)

        assert done["status"] == "COMPLETED", done["status_reason"]
        texts = [payload["text"] for payload in alice.of_kind(session_id, "assistant.text")]
        assert texts == ["the end"]
        assert_invariants(world, alice)

    def test_what_does_not_pass_fails_the_turn_and_says_so(self, world: World, alice: Client) -> None:
        session_id = alice.begin(script([{"http": 400, "etype": "invalid_request_error", "message": "no such thing"}]))
        failed = alice.until_done(session_id)
        assert failed["status"] == "ERROR"
        assert "Its answer says why" in failed["status_reason"]
        assert "no such thing" in str(alice.of_kind(session_id, "agent.notice"))

        alice.send(session_id, script({"text": "went on"}))
        assert alice.until_done(session_id)["status"] == "COMPLETED"
        assert_invariants(world, alice)

    @pytest.mark.thorough
    @pytest.mark.parametrize("cut", [{"drop": True}, {"sse_error": "overloaded_error"}], ids=["cut", "error"])
    def test_a_stream_that_ends_in_the_middle_leaves_one_answer_and_one_charge_per_call(
        self, world: World, alice: Client, cut: dict[str, object]
    ) -> None:
        session_id = alice.begin(script([{"text": "half of it", "chunks": 3}, cut], {"text": "the end"}))
        alice.until_done(session_id)

        open_calls = "select count(*) from gateway_usageentry where subject_id = %s and finished_at is null"
        assert query(world.server, open_calls, session_id) == [(0,)]
        assert_invariants(world, alice)
