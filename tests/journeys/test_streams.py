"""What watchers see while agents behave oddly, workers come and go, and the disk is full."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import fake_claude
from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, newcomer, wait_for
from tests.journeys.patience import IS_CHAOS
from tests.journeys.server import Server, running
from tests.journeys.wire import Line, bearer, query, resident, socket, stream, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]

BYPASS = {"permission_mode": "bypassPermissions"}


def script(*steps: Any) -> str:
    return f"<<<{json.dumps(steps)}>>>"


@pytest.fixture
def curl(server: Server) -> Curl:
    return newcomer(server)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose agent is `fake_claude.py`."""
    folder = tmp_path_factory.mktemp("agent")
    shutil.copy(str(fake_claude.__file__), folder / "claude")
    (folder / "claude").chmod(0o755)
    with running(SLIPWAY_CLAUDE_CLI=str(folder / "claude")) as started:
        yield started


@pytest.fixture(scope="module")
def odd_curl(odd: Server) -> Curl:
    return newcomer(odd)


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server whose data folder is a file system of 128 MB."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-journey-"))
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(folder)], capture_output=True)
    if mount.returncode:
        folder.rmdir()
        pytest.skip("NOT TESTED: no file system can be mounted here, so the disk cannot be filled")
    try:
        with running(folder) as started:
            yield started
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def send(curl: Curl, session_id: str, text: str) -> str:
    """The job's id."""
    return str(curl.call("POST", f"/sessions/{session_id}/messages", {"text": text})["job"]["id"])


def of_kind(curl: Curl, session_id: str, kind: str) -> list[dict[str, Any]]:
    return [event for event in events_of(curl, session_id) if event["kind"] == kind]


def texts(curl: Curl, session_id: str) -> list[str]:
    return [event["payload"]["text"] for event in of_kind(curl, session_id, "assistant.text")]


class TestWatchers:
    def test_all_see_every_event_once_and_in_order(self, curl: Curl, server: Server) -> None:
        whole = " ".join(f"word{number}" for number in range(300))
        step = {"text": whole, "chunks": 60, "delay": 0.06}
        command = {"tool": "Bash", "input": {"command": "seq 1 200"}}
        session = first_session(curl, first_project(curl), script(step, command, {"text": "the end"}), **BYPASS)
        id, headers = session["id"], bearer(curl.token)

        with (
            socket(server, id, **headers) as one,
            socket(server, id, **headers) as two,
            stream(server, id, **headers) as three,
        ):
            until(lambda: one.of_type("delta"), 60, "streaming text")
            until(lambda: curl.call("GET", f"/sessions/{id}")["status"] == "RUNNING", 5, "running")
            seen = one.events()[-1]["seq"]
            time.sleep(1.5)  # the text that streams is kept for late readers once a second
            with socket(server, id, after=seen, **headers) as late:
                done = allow_all_until_done(curl, id)
                until(lambda: late.events() and late.events()[-1]["seq"] == done["last_seq"], 10, "late reader")
            log = events_of(curl, id)
            for line in (one, two, three):
                until(lambda line=line: line.events() and line.events()[-1]["seq"] == log[-1]["seq"], 10, "end")  # type: ignore[misc]

        for line in (one, two, three):
            assert [(e["seq"], e["kind"], e["payload"]) for e in line.events()] == [
                (e["seq"], e["kind"], e["payload"]) for e in log
            ]
        assert [event["seq"] for event in late.events()] == list(range(seen + 1, log[-1]["seq"] + 1))
        live = late.of_type("hello")[0]["live"]
        assert whole.startswith(live["text"])
        assert len(live["text"]) > 20
        for streamed in (assembled(late, live), assembled(one, {"block": live["block"], "text": ""})):
            # With a worker what only streamed may die; the event at the text's end brings all of it.
            assert streamed == whole or (IS_CHAOS and whole.startswith(streamed))

    def test_loses_nothing_by_coming_and_going(self, curl: Curl, server: Server) -> None:
        command = "for part in $(seq 1 30); do echo $part; done"
        steps = [{"tool": "Bash", "input": {"command": command}} for _ in range(6)]
        session = first_session(curl, first_project(curl), script(*steps, {"text": "the end"}), **BYPASS)
        seen: list[int] = []

        def is_over() -> bool:
            return curl.call("GET", f"/sessions/{session['id']}")["active_job"] is None

        connections = 0
        while not is_over() or len(seen) < events_of(curl, session["id"])[-1]["seq"]:
            with socket(server, session["id"], after=seen[-1] if seen else 0, **bearer(curl.token)) as line:
                until(lambda line=line: line.of_type("hello"), 10, "hello")  # type: ignore[misc]
                time.sleep(0.15)
            seen += [event["seq"] for event in line.events()]
            connections += 1

        assert connections > 3
        assert seen == list(range(1, seen[-1] + 1))


def assembled(line: Line, live: dict[str, Any]) -> str:
    """The streaming text as a page puts it together."""
    text = str(live["text"])
    for delta in line.of_type("delta"):
        if delta["block"] == live["block"]:
            assert delta["offset"] <= len(text), "a gap"
            text = text[: delta["offset"]] + delta["text"]
    return text


class TestInterrupt:
    def test_ends_the_turn_and_the_next_message_works(self, curl: Curl, server: Server) -> None:
        session = first_session(curl, first_project(curl), script([{"text": "one"}, {"sleep": 60}]))
        with socket(server, session["id"], **bearer(curl.token)) as line:
            until(lambda: line.of_type("delta"), 60, "streaming text")
            line.send({"type": "interrupt", "id": str(uuid.uuid4())})
            allow_all_until_done(curl, session["id"])
            line.send({"type": "message", "id": str(uuid.uuid4()), "text": script({"text": "two"})})
            done = allow_all_until_done(curl, session["id"], jobs_ended=2)
            assert line.of_type("error") == []

        assert done["status"] == "COMPLETED"
        assert texts(curl, session["id"])[-1] == "two"
        assert [e["payload"]["text"] for e in of_kind(curl, session["id"], "agent.notice")] == [
            "The turn was interrupted."
        ]


class TestAgentsThatWriteOddThings:
    @pytest.mark.undisturbed("measures the memory of servers")
    @pytest.mark.parametrize("megabytes", [10, 50, 150])
    def test_one_line_of_many_megabytes_costs_neither_turn_nor_memory(
        self, odd: Server, odd_curl: Curl, megabytes: int
    ) -> None:
        session = first_session(odd_curl, first_project(odd_curl), "small")
        allow_all_until_done(odd_curl, session["id"])
        before = resident(odd)

        send(odd_curl, session["id"], f"line {megabytes * 2**20}, after it")
        done = allow_all_until_done(odd_curl, session["id"], jobs_ended=2)

        assert done["status"] == "COMPLETED"
        assert texts(odd_curl, session["id"]) == ["small", "after it"]
        assert resident(odd) - before < 40 * 2**20
        assert max(len(json.dumps(event)) for event in events_of(odd_curl, session["id"])) < 300_000

    def test_garbage_and_unknown_types_are_kept_as_such(self, odd_curl: Curl) -> None:
        session = first_session(odd_curl, first_project(odd_curl), "garbage, unknown, after it")
        done = allow_all_until_done(odd_curl, session["id"])

        assert done["status"] == "COMPLETED"
        assert texts(odd_curl, session["id"]) == ["after it"]
        kept = [event["payload"]["text"] for event in of_kind(odd_curl, session["id"], "agent.raw")]
        assert any("from_the_future" in text for text in kept)
        assert len(kept) >= 5

    def test_half_a_line_fails_the_turn_with_the_cause_and_the_next_one_works(self, odd_curl: Curl) -> None:
        session = first_session(odd_curl, first_project(odd_curl), "before it, half")
        failed = allow_all_until_done(odd_curl, session["id"])
        assert failed["status"] == "ERROR"
        assert "exit code 3" in failed["status_reason"]

        send(odd_curl, session["id"], "again")
        done = allow_all_until_done(odd_curl, session["id"], jobs_ended=2)

        assert done["status"] == "COMPLETED"
        assert texts(odd_curl, session["id"]) == ["before it", "again"]


class TestQueuedMessages:
    @pytest.fixture
    def queued(self, curl: Curl) -> dict[str, Any]:
        """A session whose first turn runs, with two messages behind it."""
        step = {"tool": "Bash", "input": {"command": "sleep 5; echo slept"}}
        session = first_session(curl, first_project(curl), script(step, {"text": "first"}), **BYPASS)
        wait_for(lambda: of_kind(curl, session["id"], "tool.call"))
        for text in ("second", "third"):
            send(curl, session["id"], script({"text": text}))
        return session

    @pytest.mark.undisturbed("stops the server itself")
    def test_run_in_order_one_at_a_time_over_a_polite_restart(
        self, server: Server, curl: Curl, queued: dict[str, Any]
    ) -> None:
        assert server.stop() == 0
        server.start()

        self.all_three_ran_once(curl, queued)

    def test_run_in_order_when_the_worker_is_taken_for_dead(
        self, server: Server, curl: Curl, queued: dict[str, Any]
    ) -> None:
        """The rescuer gives the task to another worker while the first one still has it, as on a machine that stood
        still; the first to end it frees the lock."""
        given_back = "update procrastinate_jobs set status = 'todo', worker_id = null"
        query(server, f"{given_back} where status = 'doing' and lock = %s", f"session:{queued['id']}")

        self.all_three_ran_once(curl, queued)

    @staticmethod
    def all_three_ran_once(curl: Curl, session: dict[str, Any]) -> None:
        done = allow_all_until_done(curl, session["id"], jobs_ended=3)
        events = events_of(curl, session["id"])
        assert done["status"] == "COMPLETED"
        assert texts(curl, session["id"]) == ["first", "second", "third"]
        assert [e["payload"]["text"] for e in of_kind(curl, session["id"], "tool.result")] == ["slept"]
        statuses = [(e["job_id"], e["payload"]["status"]) for e in events if e["kind"] == "job.status"]
        jobs = [e["payload"]["job_id"] for e in events if e["kind"] == "message.user"]
        ends = [status for status in statuses if status[1] != "PENDING"]
        assert [job for job, status in ends if status == "COMPLETED"] == jobs
        in_turn = [job for number, (job, _) in enumerate(ends) if not number or ends[number - 1][0] != job]
        assert in_turn == jobs, "one began before the one before it had ended"
        assert len([e for e in events if e["kind"] == "turn.completed"]) == 3


@pytest.mark.undisturbed("fills the disk on which the killed database would start again")
class TestAFullDisk:
    def test_loses_no_turn_without_saying_so_and_is_recovered_from(self, small: Server) -> None:
        curl = newcomer(small)
        session = first_session(curl, first_project(curl), script({"text": "one"}), **BYPASS)
        allow_all_until_done(curl, session["id"])
        ballast = small.data_dir / "ballast"
        fill(ballast)

        send(curl, session["id"], script({"text": "two"}))
        full = allow_all_until_done(curl, session["id"], jobs_ended=2)
        ballast.unlink()
        send(curl, session["id"], script({"text": "three"}))
        done = allow_all_until_done(curl, session["id"], jobs_ended=3)

        # An agent that still runs may have room for a few words in what its files have already.
        has_fitted = full["status"] == "COMPLETED"
        assert has_fitted or "disk is full" in full["status_reason"], full["status_reason"]
        assert done["status"] == "COMPLETED"
        assert texts(curl, session["id"]) == (["one", "two", "three"] if has_fitted else ["one", "three"])


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
