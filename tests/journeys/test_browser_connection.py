"""A page whose connection fails: the server restarts under a turn, sockets do not get through, someone signs out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import TURN_MS, Visitor, bash, reload, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

WORDS = [f"word{number}" for number in range(120)]
FREE = {"permission_mode": "bypassPermissions"}
NO_SOCKETS = """window.WebSocket = class {
    static OPEN = 1;
    constructor() { this.readyState = 0; setTimeout(() => this.onclose?.({ code: 1006 }), 20); }
    send() {}
    close() {}
};"""

# A network that can stop letting sockets or streams through, and cuts those that are open.
BLOCKABLE = """(() => {
    const blocked = new Set(), open = new Set();
    for (const name of ["WebSocket", "EventSource"]) {
        window[name] = new Proxy(window[name], { construct(Real, [url]) {
            const made = new Real(url);
            if (blocked.has(name)) cut(name, made);
            else open.add({ name, made });
            return made;
        } });
    }
    const cut = (name, made) => {
        made.close();
        if (name === "EventSource") setTimeout(() => made.onerror?.());
    };
    window.block = (...names) => {
        blocked.clear();
        for (const name of names) blocked.add(name);
        for (const one of open) if (blocked.has(one.name)) {
            open.delete(one);
            cut(one.name, one.made);
        }
    };
})();"""


@pytest.fixture
def server(mortal: Server) -> Server:
    """The one that may be restarted."""
    return mortal


@pytest.fixture
def alice(request: pytest.FixtureRequest, visit: Visit) -> Iterator[Visitor]:
    visitor = visit(size=getattr(request, "param", "desktop"))
    yield visitor
    visitor.watch.forgive("WebSocket", "net::ERR_", "status of 401")


@pytest.mark.undisturbed("stops the server itself")
class TestARestartOfTheServer:
    def test_under_a_streaming_turn_loses_and_doubles_nothing(self, alice: Visitor, server: Server) -> None:
        # While the server is away the agent can run its command, though not ask the model.
        steps = (
            [{"text": " ".join(WORDS), "chunks": 60, "delay": 0.05}, *bash("sleep 12; echo slept")],
            [{"text": "awake"}],
        )
        page = alice.open(session_path(alice.session(alice.project(), script(*steps), **FREE)))
        expect(page.locator(".tool")).to_contain_text("running", timeout=TURN_MS)
        page.get_by_label("Message to the agent").fill("my draft")

        assert server.stop() == 0
        expect(page.get_by_text("Reconnecting…")).to_be_visible()
        server.start()

        expect(page.get_by_text("Reconnecting…")).to_be_hidden(timeout=TURN_MS)
        expect(page.get_by_label("Message to the agent")).to_have_value("my draft")
        expect(page.locator(".turn-footer")).to_be_visible(timeout=TURN_MS)
        shown = page.locator(".prose").all_inner_texts()
        assert [text.split() for text in shown] == [WORDS, ["awake"]]
        reload(page)
        expect(page.locator(".turn-footer")).to_be_visible()
        assert page.locator(".prose").all_inner_texts() == shown

    def test_keeps_what_is_sent_meanwhile(self, alice: Visitor, server: Server) -> None:
        session = alice.session(alice.project())
        page = alice.open(session_path(session))
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()

        assert server.stop() == 0
        page.get_by_label("Message to the agent").fill("hello there")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Sending…")).to_be_visible()
        expect(page.locator(".unsent").get_by_text("This is sent by itself")).to_be_visible(timeout=TURN_MS)
        server.start()

        # So it is, when the page has found the server again; nobody has to press anything.
        expect(page.get_by_text("Here is what I can do:")).to_be_visible(timeout=TURN_MS)
        messages = alice.person.call("GET", f"/api/sessions/{session['id']}/messages")["items"]
        assert [message["text"] for message in messages] == ["hello there"]


class TestANetworkWithoutSockets:
    def test_is_served_by_a_stream(self, alice: Visitor) -> None:
        alice.context.add_init_script(NO_SOCKETS)
        page = alice.open(session_path(alice.session(alice.project(), "Write a small fizzbuzz program and test it")))

        ask = page.get_by_role("region", name="May the agent do this?")
        expect(ask).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_text("Reconnecting…")).to_be_hidden()
        expect(page.get_by_text("Practice model", exact=True)).to_be_visible()
        ask.get_by_role("button", name="Allow once").click()

        expect(page.get_by_text(re.compile("Allowed by ")).first).to_be_visible()


@pytest.mark.undisturbed("says when the connection gets worse and better")
class TestANetworkThatGetsWorseAndBetter:
    def test_is_followed_down_and_up_without_a_lost_or_doubled_entry(self, alice: Visitor, shoot: Shoot) -> None:
        alice.context.add_init_script(BLOCKABLE)
        page = alice.open(session_path(alice.session(alice.project(), script([{"text": "by socket"}]), **FREE)))
        expect(page.get_by_text("by socket", exact=True)).to_be_visible(timeout=TURN_MS)
        limited = page.get_by_text("Live updates are limited")
        expect(limited).to_have_count(0)

        page.evaluate("block('WebSocket')")
        expect(page.get_by_text("Live updates are limited", exact=True)).to_be_visible()
        self.say(page, "by stream")
        shoot(page, "limited")

        page.evaluate("block('WebSocket', 'EventSource')")
        expect(page.get_by_text("new output appears every few seconds")).to_be_visible()
        self.say(page, "by asking")

        page.evaluate("block()")
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(limited).to_have_count(0)
        self.say(page, "by socket again")

        assert page.locator(".prose").all_inner_texts() == ["by socket", "by stream", "by asking", "by socket again"]
        expect(page.locator(".user-message")).to_have_count(4)
        alice.watch.forgive("status of 404", "EventSource")

    def say(self, page: Page, answer: str) -> None:
        page.get_by_label("Message to the agent").fill(script([{"text": answer}]))
        page.keyboard.press("Enter")
        expect(page.locator(".prose").get_by_text(answer, exact=True)).to_be_visible(timeout=TURN_MS)
        expect(page.locator(".turn-footer")).to_have_count(page.locator(".prose").count())

    @AT_BOTH_SIZES
    def test_comes_back_by_itself(self, alice: Visitor) -> None:
        alice.context.add_init_script(BLOCKABLE)
        page = alice.open(session_path(alice.session(alice.project())))
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()

        page.evaluate("block('WebSocket')")
        expect(page.get_by_text("Live updates are limited")).to_be_visible()
        page.evaluate("block()")

        expect(page.get_by_text("Live updates are limited")).to_have_count(0, timeout=TURN_MS)


class TestANewVersion:
    def test_is_offered_and_not_forced(self, alice: Visitor) -> None:
        alice.context.add_init_script(BLOCKABLE)
        page = alice.open(session_path(alice.session(alice.project())))
        expect(page.get_by_role("heading", name="Tell the agent what to build")).to_be_visible()
        page.get_by_label("Message to the agent").fill("my draft")

        # As if this page had been loaded before the deployment to which its next socket leads.
        page.evaluate("document.querySelector('slw-session').page.version = 'an older one'")
        page.evaluate("block('WebSocket')")
        page.evaluate("block()")
        page.get_by_role("button", name="Reload the page").click()

        expect(page.get_by_label("Message to the agent")).to_have_value("my draft")
        expect(page.get_by_text("Practice model", exact=True)).to_be_visible()  # what the socket's hello brings
        expect(page.get_by_role("button", name="Reload the page")).to_have_count(0)


class TestSomeoneWhoSignedOutElsewhere:
    @AT_BOTH_SIZES
    def test_is_told_so_and_keeps_the_draft(self, alice: Visitor) -> None:
        page = alice.open(session_path(alice.session(alice.project())))
        page.get_by_label("Message to the agent").fill("half a thought")

        alice.person.sign_out()

        expect(page.get_by_text("You are signed out.")).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_label("Message to the agent")).to_have_value("half a thought")
        page.get_by_role("link", name="Sign in again").click()
        expect(page).to_have_url(re.compile("/accounts/login/.*next="))
