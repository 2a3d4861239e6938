"""A server that is away for longer than an agent's quick retries, in the middle of its work."""

from __future__ import annotations

import json
import time

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, wait_for
from tests.journeys.person import Person
from tests.journeys.server import running

pytestmark = [pytest.mark.cli, pytest.mark.timeout(240)]

AWAY_S = 20  # the agent's first four tries are over after nine


class TestALongRestart:
    def test_between_two_model_calls_is_waited_for_by_the_agent(self) -> None:
        script = json.dumps([{"tool": "Bash", "input": {"command": "sleep 4; echo slept"}}, {"text": "finished"}])
        with running() as server:
            someone = Person(server, "alice@example.com")
            someone.sign_up()
            curl = Curl(server, someone.make_token())
            session = first_session(curl, first_project(curl), f"<<<{script}>>>", permission_mode="bypassPermissions")[
                "id"
            ]
            wait_for(lambda: any(event["kind"] == "tool.call" for event in events_of(curl, session)))

            assert server.stop() == 0
            time.sleep(AWAY_S)
            server.start()

            done = allow_all_until_done(curl, session)
            events = events_of(curl, session)
        assert done["status"] == "COMPLETED", events[-5:]
        assert [event["payload"]["text"] for event in events if event["kind"] == "assistant.text"] == ["finished"]
