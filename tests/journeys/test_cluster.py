"""Several webs and workers as one: any of them may hold the socket, run the turn, take the answer, or die."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.journeys import wire
from tests.journeys.cluster import Cluster, Node, cluster
from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, wait_for
from tests.journeys.person import Person

pytestmark = [pytest.mark.cli, pytest.mark.timeout(600), pytest.mark.undisturbed("kills each process itself")]

PARTS = 6
OUTAGE_S = 12  # longer than a request waits for a connection, and a connection for its server


@pytest.fixture(scope="module")
def many() -> Iterator[Cluster]:
    with cluster(webs=3, workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def token(many: Cluster) -> str:
    someone = Person(many, "alice@example.com")
    someone.sign_up()
    return someone.make_token()


@pytest.fixture
def curl(many: Cluster, token: str) -> Iterator[Curl]:
    """Through the address in front; whatever a test killed is there again for the next."""
    yield Curl(many, token)
    many.redis_line.mend()
    many.start()


def counting(parts: int = PARTS) -> str:
    """A prompt whose agent says a number a second, for the practice model."""
    command = "; ".join(f"echo part {number}; sleep 1" for number in range(1, parts + 1))
    return f"<<<{json.dumps([{'tool': 'Bash', 'input': {'command': command}}, {'text': 'finished'}])}>>>"


def new_session(curl: Curl, prompt: str, **more: Any) -> str:
    return str(first_session(curl, first_project(curl), prompt, **more)["id"])


def require_whole(curl: Curl, session_id: str) -> None:
    """The log has everything of one counting turn, once and in order."""
    events = events_of(curl, session_id)
    results = [event["payload"]["text"] for event in events if event["kind"] == "tool.result"]
    assert results == ["\n".join(f"part {number}" for number in range(1, PARTS + 1))]
    assert [event["payload"]["text"] for event in events if event["kind"] == "assistant.text"] == ["finished"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len([event for event in events if event["kind"] == "turn.completed"]) == 1


def wait_for_tool(curl: Curl, session_id: str) -> None:
    wait_for(lambda: any(event["kind"] == "tool.call" for event in events_of(curl, session_id)))


class TestManyWebs:
    def test_serve_one_turn_between_them(self, curl: Curl, many: Cluster, token: str) -> None:
        first, second, third = (Curl(web, token) for web in many.webs)
        project = first_project(first)
        session = first_session(second, project, "Write a program")["id"]
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            asked = wait_for(lambda: [e for e in line.events() if e["kind"] == "permission.requested"])
            answer = {"permission_id": asked[0]["payload"]["id"], "decision": "allow"}
            third.call("POST", f"/sessions/{session}/approve", answer)
            wait_for(lambda: [e for e in line.events() if e["kind"] == "permission.resolved"])
            done = allow_all_until_done(second, session)
            wait_for(lambda: len(line.events()) == len(events_of(third, session)))

            assert done["status"] == "COMPLETED"
            assert [event["seq"] for event in line.events()] == list(range(1, len(line.events()) + 1))


class TestDeath:
    @pytest.mark.parametrize("which", ["worker-1", "worker-2"])
    def test_of_a_worker_loses_and_doubles_nothing(self, curl: Curl, many: Cluster, which: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        wait_for_tool(curl, session)

        next(node for node in many.workers if node.name == which).kill()

        assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
        require_whole(curl, session)

    def test_of_a_web_ends_its_sockets_and_no_turn(self, curl: Curl, many: Cluster, token: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            wait_for_tool(curl, session)
            many.webs[0].kill()
            assert line.is_over.wait(10)
            seen = line.events()
        with wire.socket(many.webs[1], session, after=seen[-1]["seq"], **wire.bearer(token)) as line:
            assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
            wait_for(lambda: len(seen) + len(line.events()) == len(events_of(curl, session)))
            seqs = [event["seq"] for event in [*seen, *line.events()]]

        assert seqs == list(range(1, len(seqs) + 1))
        require_whole(curl, session)


class TestGatewaySocket:
    """Agents know one socket file; whichever process of the host holds its lock answers there."""

    def test_passes_on_when_its_holder_dies_in_mid_answer(self, curl: Curl, many: Cluster, token: str) -> None:
        words = " ".join(f"word{number}" for number in range(40))
        script = f"<<<{json.dumps([{'text': words, 'chunks': 40, 'delay': 0.5}])}>>>"
        holder = _holder(many)
        other = next(web for web in many.webs if web is not holder)
        session = new_session(Curl(other, token), script)
        with wire.socket(other, session, **wire.bearer(token)) as line:
            wait_for(lambda: line.of_type("delta"))
            holder.kill()
            done = allow_all_until_done(Curl(other, token), session)

        assert done["status"] == "COMPLETED", events_of(Curl(other, token), session)[-5:]
        assert _holder(many) is not holder
        said = [e["payload"]["text"] for e in events_of(Curl(other, token), session) if e["kind"] == "assistant.text"]
        assert said == [words]


def _holder(many: Cluster) -> Node:
    """The process that has the lock of the gateway's socket."""
    lock = (many.data_dir / "run" / "gateway.lock").stat().st_ino

    def found() -> Node | None:
        held = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
        pids = {
            int(row[4]) for row in held if row[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and row[5].endswith(f":{lock}")
        }
        return next((node for node in many.nodes if node.process is not None and node.process.pid in pids), None)

    holder: Node = wait_for(found)
    return holder


class TestRollingRestart:
    def test_in_mid_turn_is_not_noticed_by_the_agent(self, curl: Curl, many: Cluster, token: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            wait_for_tool(curl, session)
            for node in many.nodes:
                assert node.stop(signal.SIGTERM) == 0, many.logs()
                node.start()

            assert line.is_over.wait(10)
            assert line.close_code == 1012
        assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
        require_whole(curl, session)


class TestRedis:
    def test_sees_rings_and_no_word_of_a_session(self, curl: Curl, many: Cluster) -> None:
        """New events ride along with the ring: whoever listens in Redis must not be able to read them."""
        word = f"canary{uuid.uuid4().hex}"
        with redis.Redis(port=many.redis.port) as client, client.pubsub() as everything:
            everything.psubscribe("*")
            session = new_session(curl, f"<<<{json.dumps([{'text': word}])}>>>")
            allow_all_until_done(curl, session)
            heard: list[bytes] = []
            while (message := everything.get_message(timeout=1)) is not None:
                heard += [message["data"]] if message["type"] == "pmessage" else []
            kept = [client.dump(key) for key in client.scan_iter()]

        assert any(event["payload"].get("text") == word for event in events_of(curl, session))
        assert len(heard) > 3
        assert max(map(len, heard)) > 200  # events did ride along
        assert not [data for data in [*heard, *kept] if data and (word.encode() in data or b"session.log" in data)]

    def test_that_dies_and_comes_back_empty_loses_nothing(self, curl: Curl, many: Cluster, token: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            wait_for_tool(curl, session)
            many.redis.kill()
            sent = curl.call("POST", f"/sessions/{session}/messages", {"text": "and then?"})
            many.redis.start()
            done = allow_all_until_done(curl, session, jobs_ended=2)
            wait_for(lambda: len(line.events()) == len(events_of(curl, session)))

            assert done["status"] == "COMPLETED"
            assert [event["seq"] for event in line.events()] == list(range(1, len(line.events()) + 1))
        asked = [e for e in events_of(curl, session) if e["kind"] == "message.user"]
        assert [event["payload"]["message_id"] for event in asked][1:] == [sent["message"]["id"]]

    def test_that_is_away_for_the_whole_turn_makes_it_slower_and_no_more(
        self, curl: Curl, many: Cluster, token: str
    ) -> None:
        many.redis_line.cut()
        session = new_session(curl, "Write a program")
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            asked = wait_for(lambda: [e for e in line.events() if e["kind"] == "permission.requested"])
            answer = {"permission_id": asked[0]["payload"]["id"], "decision": "allow"}
            Curl(many.webs[1], token).call("POST", f"/sessions/{session}/approve", answer)
            wait_for(lambda: [e for e in line.events() if e["kind"] == "permission.resolved"])

            assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
            wait_for(lambda: len(line.events()) == len(events_of(curl, session)))

    def test_that_is_half_dead_does_not_stop_the_servers(self, curl: Curl, many: Cluster, token: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        wait_for_tool(curl, session)
        many.redis_line.hold()
        with wire.socket(many.webs[0], session, **wire.bearer(token)) as line:
            waited = [_until_healthy(web) for web in many.webs for _ in range(5)]
            assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
            wait_for(lambda: len(line.events()) == len(events_of(curl, session)))

        assert max(waited) < 5
        require_whole(curl, session)


def _until_healthy(node: Node) -> float:
    """How long it took."""
    return wire.until(lambda: wire.request(node, "GET", "/api/health").status == 200, 5, node.name)


class TestDatabase:
    def test_that_is_killed_for_a_while_is_told_and_loses_nothing(self, curl: Curl, many: Cluster, token: str) -> None:
        session = new_session(curl, counting(), permission_mode="bypassPermissions")
        wait_for_tool(curl, session)
        many.kill_database()
        away = wait_for(lambda: _refused(many.webs[0], session, token), 15)
        time.sleep(OUTAGE_S)
        still_away = _refused(many.webs[1], session, token)
        many.start_database()
        for web in many.webs:
            _until_answered(web, session, token)

        assert still_away is not None
        assert int(away.headers["retry-after"]) > 0
        assert away.json["error"]
        assert allow_all_until_done(curl, session)["status"] == "COMPLETED"
        require_whole(curl, session)


def _refused(node: Node, session_id: str, token: str) -> wire.Answer | None:
    answer = wire.request(node, "GET", f"/api/sessions/{session_id}", **wire.bearer(token))
    return answer if answer.status == 503 else None


def _until_answered(node: Node, session_id: str, token: str) -> None:
    wire.until(lambda: _refused(node, session_id, token) is None, 20, node.name)
    time.sleep(1)  # in which what is left of the outage is cleared away


@pytest.fixture(scope="module")
def small() -> Iterator[Cluster]:
    """One whose database is reached through a relay."""
    with cluster(webs=1, workers=1, taps_database=True) as started:
        yield started


class TestCommitThatIsLost:
    """The connection goes while a message is being committed: nobody knows whether it was, and it is sent again."""

    @pytest.mark.parametrize("is_delivered", [True, False])
    def test_has_one_effect_however_often_it_is_repeated(self, small: Cluster, is_delivered: bool) -> None:
        someone = Person(small, f"alice-{is_delivered}@example.com".lower())
        someone.sign_up()
        curl = Curl(small, someone.make_token())
        session = new_session(curl, "hello")
        allow_all_until_done(curl, session)
        assert small.database_line is not None
        assert small.workers[0].stop() == 0  # whose commits would be cut instead
        body = {"text": "once", "id": str(uuid.uuid4())}
        path = f"/api/sessions/{session}/messages"

        before = small.database_line.losses
        small.database_line.lose_at(b"COMMIT", is_delivered=is_delivered)
        first = wire.request(small, "POST", path, body, **wire.bearer(curl.token))
        again = [wire.request(small, "POST", path, body, **wire.bearer(curl.token)).status for _ in range(3)]
        small.workers[0].start()
        done = allow_all_until_done(curl, session, jobs_ended=2)

        assert small.database_line.losses == before + 1
        assert first.status in (500, 503)
        assert set(again) <= {200, 201, 202}
        sent = [e["payload"]["text"] for e in events_of(curl, session) if e["kind"] == "message.user"]
        assert sent == ["hello", "once"]
        assert done["status"] == "COMPLETED"
