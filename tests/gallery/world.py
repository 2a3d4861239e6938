"""The people, projects and sessions in the pictures: made once, by the API where it can be, else as rows."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tests.gallery import scripts
from tests.journeys import logs
from tests.journeys.browsing import Visitor, session_path
from tests.journeys.curl import wait_for
from tests.journeys.operating import add_member
from tests.journeys.person import Person
from tests.journeys.server import ROOT, Server, running
from tests.journeys.wire import query

T = TypeVar("T")
LONG_NAME = "a-name-that-somebody-made-as-long-as-it-may-be-since-nobody-had-told-them-to-keep-it-short-at-all"


def once(make: Callable[[World], T]) -> property:
    """Made by whoever asks first; pictures are taken in several threads."""

    @functools.wraps(make)
    def get(world: World) -> T:
        with world.locks:
            lock = world.made_by.setdefault(make.__name__, threading.RLock())
        with lock:
            if make.__name__ not in world.made:
                world.made[make.__name__] = make(world)
            return cast("T", world.made[make.__name__])

    return property(get)


class Resident(Visitor):
    """Somebody who has signed up; each picture has a browser of its own."""

    def __init__(self, server: Server, name: str, organization: str) -> None:
        self.server = server
        self.person = Person(server, f"{name.split()[0].lower()}@example.com")
        self.person.sign_up()
        query(server, "update accounts_user set name = %s where email = %s", name, self.person.email)
        statement = "update accounts_organization set name = %s where id = %s"
        query(server, statement, organization, self.organization_id)


class World:
    """One server in developer mode for all states, and one without for its error pages."""

    def __init__(self, server: Server, stack: contextlib.ExitStack) -> None:
        self.server, self.stack = server, stack
        self.locks, self.made, self.made_by = threading.RLock(), dict[str, Any](), dict[str, threading.RLock]()
        self._sessions: dict[str, dict[str, Any]] = {}

    @once
    def alice(self) -> Visitor:
        """Owns the organisation in which most things happen."""
        return Resident(self.server, "Alice Nakamura", "Harbour Works")

    @once
    def vera(self) -> Visitor:
        """May only look."""
        vera = Resident(self.server, "Vera Lindqvist", "Vera Lindqvist")
        add_member(self.server, self.alice.organization_id, vera.person, "VIEWER")
        return vera

    @once
    def newcomer(self) -> Visitor:
        """Has only just signed up."""
        return Resident(self.server, "Nina", "nina")

    @once
    def carol(self) -> Visitor:
        """Has fifty sessions, and names as long as they may be."""
        carol = Resident(self.server, "Carol " + "Wolfeschlegelsteinhausen-" * 3, "The " + LONG_NAME[:90])
        self.seed("crowd", carol.organization_id)
        return carol

    @once
    def project(self) -> dict[str, Any]:
        return cast("Visitor", self.alice).project("storefront")

    @once
    def jiro(self) -> Visitor:
        """Reads Japanese."""
        jiro = Resident(self.server, "Jiro 佐藤", "港湾製作所")
        jiro.person.call("PATCH", "/api/me/preferences", {"language": "ja"})
        return jiro

    @once
    def jiros_session(self) -> str:
        session = self.jiro.session(self.jiro.project("店舗"), name="決済")
        self.seed("tools", session["id"])
        return session_path(session)

    @once
    def tidy(self) -> Visitor:
        """Throws away what is old."""
        return Resident(self.server, "Tove Berg", "Berg & Co")

    @once
    def tidy_project(self) -> dict[str, Any]:
        return cast("Visitor", self.tidy).project("catalogue")

    @once
    def broken(self) -> Server:
        """Without developer mode, so that errors look as they do for everybody; it may be broken on purpose."""
        return self.stack.enter_context(running(None, SLIPWAY_DEBUG="0"))

    @once
    def bob(self) -> Visitor:
        """Lives where things are broken."""
        return Resident(self.broken, "Bob Okafor", "Bob Okafor")

    def begin(self) -> None:
        """Let the agents start while the first pictures are taken."""
        for name in scripts.SESSIONS:
            self._session(name)

    def _session(self, name: str) -> dict[str, Any]:
        project = self.project
        with self.locks:
            if name not in self._sessions:
                prompt, more = scripts.SESSIONS[name]
                self._sessions[name] = self.alice.session(project, prompt, name=name, **more)
            return self._sessions[name]

    def path(self, name: str) -> str:
        """Of a session that `scripts` tells of, as far as its agent goes by itself."""
        session, wait = self._session(name), scripts.WAITS.get(name, "idle")
        if wait == "asked":
            self.alice.wait_until_asked(session)
        elif wait == "idle" and scripts.SESSIONS[name][0]:
            self.alice.wait_until_idle(session)
        return session_path(session)

    def id_of(self, name: str) -> str:
        return str(self._session(name)["id"])

    @once
    def tools(self) -> str:
        """The path of a session in which every kind of thing has happened."""
        session = self.alice.session(self.project, name="checkout-flow")
        self.seed("tools", session["id"])
        return session_path(session)

    @once
    def long(self) -> str:
        """The path of a session with a long log."""
        session = self.alice.session(self.project, name="long-haul")
        self.seed("long", session["id"], 3000)
        return session_path(session)

    @once
    def starting(self) -> str:
        """The path of a session whose sandbox is being made, for a while already."""
        session = self.alice.session(self.project, name="first-light")
        log = logs.starting("Show the time of the last tide above the list.", str(uuid.uuid4()))
        logs.write(self.server, session, log, ago=dt.timedelta(seconds=34))
        return session_path(session)

    @once
    def background(self) -> str:
        """The path of a session whose agent left something running."""
        path = self.path("dev-server")
        wait_for(lambda: self.alice.read(self._session("dev-server"))["background"], 60)
        return path

    @once
    def queue(self) -> str:
        """The path of a session with messages that wait, one of them long."""
        session = self._session("write-changelog")
        wait_for(lambda: self.alice.read(session)["status"] == "RUNNING", 60)
        for text in scripts.QUEUED:
            self.alice.person.call("POST", f"/api/sessions/{session['id']}/messages", {"text": text})
        return session_path(session)

    @once
    def stopped(self) -> str:
        path = self.path("upgrade-deps")
        self.alice.person.call("POST", f"/api/sessions/{self.id_of('upgrade-deps')}/stop")
        wait_for(lambda: self.alice.read(self._session("upgrade-deps"))["status"] == "STOPPED", 60)
        return path

    def ended(self, name: str, status: str, reason: str, *, is_refused: bool = False) -> str:
        """The path of a session that stands so, for this reason, as the engine would have written it."""
        session = self.alice.session(self.project, name=name)
        self.seed("tools", session["id"])
        statement = (
            "update agent_sessions_agentsession set status = %s, status_reason = %s, "
            "stop_refused_at = case when %s then now() end where id = %s"
        )
        query(self.server, statement, status, reason, is_refused, session["id"])
        return session_path(session)

    @once
    def refused(self) -> str:
        """The path of a session that could not be stopped."""
        return self.ended("not-saved", "ERROR", scripts.NOT_SAVED, is_refused=True)

    @once
    def imports(self) -> Visitor:
        """Somebody whose projects come from elsewhere: one on its way, one that failed."""
        dora = Resident(self.server, "Dora Meyer", "Meyer & Sons")
        self.seed("imports", dora.organization_id)
        return dora

    @once
    def manager(self) -> Visitor:
        """Looks after environments of each kind."""
        mika = Resident(self.server, "Mika Virtanen", "Aalto Systems")
        self.seed("environments", mika.organization_id)
        return mika

    @once
    def operator(self) -> Visitor:
        """Has fifty environments."""
        olga = Resident(self.server, "Olga Petrova", "Very Large Company")
        self.seed("fifty", olga.organization_id)
        return olga

    @once
    def keeper(self) -> Visitor:
        """Would like to be rid of an environment in which others are at work."""
        kim = Resident(self.server, "Kim Larsen", "Larsen Logistics")
        self.seed("used", kim.organization_id)
        return kim

    @once
    def builder(self) -> Visitor:
        """Has images of her own: one that is being built, one that could not be."""
        bea = Resident(self.server, "Bea Kurz", "Kurz Rechenwerk")
        self.seed("builds", bea.organization_id)
        return bea

    def environment(self, visitor: Visitor, name: str) -> str:
        """The path of the page on which it is changed."""
        listed = visitor.person.call("GET", f"/api/environments?organization_id={visitor.organization_id}")["items"]
        return f"/settings/environments/{next(one['id'] for one in listed if one['name'] == name)}/"

    @once
    def movable(self) -> str:
        """The path of a session that may go on in other environments."""
        return session_path(self.manager.session(self.manager.project(), name="on-the-move"))

    @once
    def used(self) -> Visitor:
        """Somebody whose agents have used much of the month's money."""
        erik = Resident(self.server, "Erik Sørensen", "Fjord Software")
        self.seed("usage", erik.organization_id)
        for name, scopes in (("deploy script", ["READ", "WRITE"]), (LONG_NAME, ["READ"])):
            body = {"organization_id": erik.organization_id, "name": name, "scopes": scopes, "expires_in_days": 30}
            erik.person.call("POST", "/api/tokens", body)
        return erik

    def seed(self, what: str, *given: object) -> Any:
        """Rows that would take an agent hours, written as an operator could."""
        command = [sys.executable, "-m", "tests.gallery.seed", what, *map(str, given)]
        done = subprocess.run(command, cwd=ROOT, env=self.server.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")
