"""A server that dies on purpose and is started again, with somebody who uses it meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys.patience import pauses
from tests.journeys.person import Person
from tests.journeys.server import Server, running

PATIENCE_S = 90.0
RULES = "failpoints"
AWAY = (429, 500, 502, 503, 504)


class Refused(Exception):
    """The server said no, and meant it."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


@dataclass
class World:
    """A server (or a cluster as one), its fail points, and a hand that starts again what has died."""

    server: Server
    deaths: list[str] = field(default_factory=list)
    is_tended: bool = True  # else somebody else starts again what has died
    neighbour: Client | None = None

    @property
    def rules(self) -> Path:
        return self.server.data_dir / RULES

    def arm(self, rules: str) -> None:
        """From now on; the first rule that acts takes all of them away."""
        fresh = self.rules.with_suffix(".new")
        fresh.write_text(rules)
        fresh.rename(self.rules)

    def disarm(self) -> None:
        self.rules.unlink(missing_ok=True)

    @property
    def has_acted(self) -> bool:
        return not self.rules.exists()

    def passed(self) -> Counter[str]:
        """How often each place has been passed so far."""
        path = self.rules.with_name(RULES + ".passed")
        return Counter(path.read_text().split() if path.exists() else [])

    def tend(self) -> None:
        """Start again what has died."""
        if self.is_tended and self.server.process is not None and self.server.process.poll() is not None:
            self.deaths.append("server")
            self.server.start()

    def kill(self) -> None:
        """kill -9 of the server, as it stands; the embedded database goes with it."""
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(10)

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """The first true answer, with what dies meanwhile started again."""
        deadline = time.monotonic() + timeout_s
        for pause in pauses():
            if value := condition():
                break
            assert time.monotonic() < deadline, f"not in time: {what}"
            self.tend()
            time.sleep(pause)
        return value


@contextlib.contextmanager
def worlds(folder: Path | None = None, **extra: str) -> Iterator[World]:
    """One embedded server with a neighbour on it."""
    folder = folder or Path(tempfile.mkdtemp(prefix="slipway-fault-"))
    # What is deleted goes at once.
    settings = {"SLIPWAY_FAILPOINTS": f"file:{folder / RULES}", "SLIPWAY_UNDO_S": "0", **extra}
    with running(folder, **settings) as server:
        world = World(server)
        world.neighbour = newcomer(world, "bob")
        yield world


def newcomer(world: World, name: str) -> Client:
    person = Person(world.server, f"{name}-{uuid.uuid4().hex[:8]}@example.com")
    person.sign_up()
    return Client(world, person, person.make_token())


@dataclass
class Client:
    """Somebody with a token who does not give up: every command has an id, and is repeated until it is answered."""

    world: World
    person: Person
    token: str
    organization_id: str = ""
    project_id: str = ""
    acknowledged: dict[str, str] = field(default_factory=dict)  # message id -> session id
    repeated: int = 0

    def __post_init__(self) -> None:
        self.organization_id = self.surely("GET", "/me")["organizations"][0]["id"]

    def call(self, method: str, path: str, body: Any = None, *, timeout_s: float = 20) -> Any:
        """One request. Raises: Refused; OSError, http.client.HTTPException (no answer)."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.world.server.url}/api{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise Refused(error.code, text) from None

    def surely(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, however often it takes. Raises: Refused."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.call(method, path, body)
            except Refused as refused:
                if refused.status not in AWAY or time.monotonic() > deadline:
                    raise
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, f"no answer to {method} {path}"
            self.repeated += 1
            self.world.tend()
            time.sleep(0.1)

    # What people do

    def project(self) -> str:
        if not self.project_id:
            body = {"organization_id": self.organization_id, "name": "demo", "source": "SAMPLE"}
            self.project_id = str(self.surely("POST", "/projects", body)["id"])
        return self.project_id

    def begin(self, prompt: str, **more: Any) -> str:
        """A new session with its first message; the session's id."""
        message_id = str(uuid.uuid4())
        body = {"name": f"s-{message_id[:8]}", "prompt": prompt, "message_id": message_id, **more}
        session = self.surely("POST", f"/projects/{self.project()}/sessions", body)["items"][0]
        self.acknowledged[message_id] = session["id"]
        return str(session["id"])

    def send(self, session_id: str, text: str, message_id: str = "") -> str:
        message_id = message_id or str(uuid.uuid4())
        answer = self.surely("POST", f"/sessions/{session_id}/messages", {"id": message_id, "text": text})
        assert answer["message"]["id"] == message_id
        self.acknowledged[message_id] = session_id
        return message_id

    def answer(self, session_id: str, permission_id: str, decision: str = "allow") -> None:
        """Answer once; being told that we have answered already is an answer too."""
        try:
            self.surely(
                "POST", f"/sessions/{session_id}/approve", {"permission_id": permission_id, "decision": decision}
            )
        except Refused as refused:
            if refused.status != 409:
                raise

    def session(self, session_id: str) -> dict[str, Any]:
        return dict(self.surely("GET", f"/sessions/{session_id}"))

    def events(self, session_id: str) -> list[dict[str, Any]]:
        """The whole log, by pages."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else 0
            page = self.surely("GET", f"/sessions/{session_id}/events?after={after}&limit=200")
            found += page["items"]
            if not page["has_more"]:
                return found

    def of_kind(self, session_id: str, kind: str) -> list[dict[str, Any]]:
        return [event["payload"] for event in self.events(session_id) if event["kind"] == kind]

    def until_done(self, session_id: str, *, allows: bool = True) -> dict[str, Any]:
        """Answer what the agent asks until nothing of the session is left to do."""

        def is_done() -> dict[str, Any] | None:
            session = self.session(session_id)
            for permission in session["pending_permissions"] if allows else ():
                self.answer(session_id, permission["id"])
            is_calm = session["active_job"] is None and session["status"] not in ("INITIALIZING", "RUNNING")
            return session if is_calm else None

        return dict(self.world.until(is_done, f"session {session_id} is done"))

    def until_event(self, session_id: str, kind: str) -> dict[str, Any]:
        return dict(self.world.until(lambda: self.of_kind(session_id, kind), kind)[-1])


def script(*steps: Any) -> str:
    """A prompt that the practice model plays."""
    return f"<<<{json.dumps(steps)}>>>"
