"""A server that is away for longer than an agent's quick retries, in the middle of its work."""

from __future__ import annotations

import json
import time

import pytest

from tests.journeys.curl import allow_all_until_done, events_of, first_project, first_session, newcomer, wait_for
from tests.journeys.server import Server

pytestmark = [pytest.mark.cli, pytest.mark.timeout(240), pytest.mark.undisturbed("stops the server itself")]

AWAY_S = 12  # the agent's first four tries are over after nine


class TestALongRestart:
    def test_between_two_model_calls_is_waited_for_by_the_agent(self, mortal: Server) -> None:
        script = json.dumps([{"tool": "Bash", "input": {"command": "sleep 4; echo slept"}}, {"text": "finished"}])
        curl = newcomer(mortal)
        more = {"permission_mode": "bypassPermissions"}
        session = first_session(curl, first_project(curl), f"<<<{script}>>>", **more)["id"]
        wait_for(lambda: any(event["kind"] == "tool.call" for event in events_of(curl, session)))

        assert mortal.stop() == 0
        time.sleep(AWAY_S)
        mortal.start()

        done = allow_all_until_done(curl, session)
        events = events_of(curl, session)
        assert done["status"] == "COMPLETED", events[-5:]
        assert [event["payload"]["text"] for event in events if event["kind"] == "assistant.text"] == ["finished"]
