"""kill -9 of the server in the middle of a turn: the agent works on, and the next server goes on from there."""

from __future__ import annotations

import json
import signal

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, newcomer, wait_for
from tests.journeys.server import Server

pytestmark = [pytest.mark.cli, pytest.mark.timeout(240), pytest.mark.undisturbed("kills the server itself")]


@pytest.fixture
def curl(mortal: Server) -> Curl:
    return newcomer(mortal)


def kill_and_restart(server: Server) -> None:
    server.stop(signal.SIGKILL)
    server.start()


class TestAServerThatIsKilled:
    def test_in_mid_turn_loses_and_doubles_nothing(self, curl: Curl, mortal: Server) -> None:
        command = "for part in 1 2 3 4 5 6; do echo part $part; sleep 1; done"
        script = json.dumps([{"tool": "Bash", "input": {"command": command}}, {"text": "finished"}])
        session = first_session(curl, first_project(curl), f"<<<{script}>>>", permission_mode="bypassPermissions")
        wait_for(lambda: any(e["kind"] == "tool.call" for e in events_of(curl, session["id"])))

        kill_and_restart(mortal)
        done = allow_all_until_done(curl, session["id"])

        events = events_of(curl, session["id"])
        results = [e["payload"]["text"] for e in events if e["kind"] == "tool.result"]
        assert results == ["\n".join(f"part {number}" for number in range(1, 7))]
        assert [e["payload"]["text"] for e in events if e["kind"] == "assistant.text"] == ["finished"]
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
        assert len([e for e in events if e["kind"] == "turn.completed"]) == 1
        assert done["status"] == "COMPLETED"

    def test_while_a_permission_waits_still_delivers_the_answer(self, curl: Curl, mortal: Server) -> None:
        session = first_session(curl, first_project(curl), "Write a program")
        wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])

        kill_and_restart(mortal)
        assert len(curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"]) == 1
        done = allow_all_until_done(curl, session["id"])

        assert done["status"] == "COMPLETED"
        assert len(curl.call("GET", f"/sessions/{session['id']}/diff")["files"]) == 2

    def test_and_stopped_politely_hands_its_job_over_at_once(self, curl: Curl, mortal: Server) -> None:
        session = first_session(curl, first_project(curl), "Write a program")
        wait_for(lambda: curl.call("GET", f"/sessions/{session['id']}")["pending_permissions"])

        assert mortal.stop() == 0
        mortal.start()

        assert allow_all_until_done(curl, session["id"])["status"] == "COMPLETED"


class TestAnAgentThatIsKilled:
    def test_fails_the_turn_with_the_cause_and_goes_on_with_the_next_message(self, curl: Curl, mortal: Server) -> None:
        script = '<<<[[{"tool": "Bash", "input": {"command": "kill -9 $PPID"}}], [{"text": "never"}]]>>>'
        session = first_session(curl, first_project(curl), script)

        failed = allow_all_until_done(curl, session["id"])
        assert failed["status"] == "ERROR"
        assert "signal 9" in failed["status_reason"]
        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": "hello"})
        after = allow_all_until_done(curl, session["id"], jobs_ended=2)

        assert after["status"] == "COMPLETED"
