"""Environments in a browser: added, tested, edited, made the default, deleted and taken back; read only for members."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from sessions.engine.cli import find_cli
from tests import sshd
from tests.journeys.browsing import Visitor, go
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.curl import wait_for
from tests.journeys.looking import violations
from tests.journeys.operating import add_member

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PAGE = "/settings/environments/"
TEST_MS = 60_000


@pytest.fixture(params=["desktop", "phone"])
def alice(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    return visit(size=request.param)


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name, exact=True)


def environment(alice: Visitor, name: str, **more: Any) -> dict[str, Any]:
    body = {"organization_id": alice.organization_id, "name": name, "kind": "HOST", **more}
    return dict(alice.person.call("POST", "/api/environments", body))


def names(alice: Visitor) -> list[str]:
    return [one["name"] for one in alice.person.call("GET", "/api/environments")["items"]]


def fits(page: Page) -> bool:
    wide = "main .page, dialog[open] .body"
    return bool(
        page.evaluate(
            "wide => [...document.querySelectorAll(wide)].every(one => one.scrollWidth <= one.clientWidth)", wide
        )
    )


class TestTheWalk:
    def test_adds_edits_and_deletes_and_takes_back(self, alice: Visitor, shoot: Shoot) -> None:
        page = alice.open(PAGE)
        expect(card(page, "This machine").get_by_text("Available", exact=True)).to_be_visible()

        page.get_by_role("link", name="Add environment").click()
        dialog = page.get_by_role("dialog", name="Add environment")
        dialog.locator("[name=kind][value=DOCKER]").check(force=True)
        dialog.get_by_label("Container image", exact=True).fill("--privileged")
        dialog.get_by_role("button", name="Add environment").click()
        expect(dialog.locator("[aria-invalid=true]")).to_have_count(2)  # no name, and no image
        shoot(page, "environments-add-errors")
        assert fits(page)
        assert names(alice) == ["This machine"]

        dialog.locator("[name=kind][value=HOST]").check(force=True)
        expect(dialog.get_by_label("Container image", exact=True)).to_be_hidden()
        dialog.get_by_label("Name", exact=True).fill("Second")
        dialog.get_by_role("button", name="Add environment").click()
        expect(dialog).to_be_hidden()
        expect(card(page, "Second").get_by_text("Available", exact=True)).to_be_visible()

        card(page, "Second").get_by_role("link", name="Edit").click()
        page.get_by_role("dialog").get_by_label("Description").fill("For the front end.")
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(card(page, "Second").get_by_text("For the front end.")).to_be_visible()

        card(page, "Second").locator("summary").first.click()
        page.get_by_role("link", name="Delete…").click()
        expect(page.get_by_role("dialog").get_by_text("No session uses it.")).to_be_visible()
        shoot(page, "environments-delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(card(page, "Second")).to_have_count(0)
        page.locator(".toast").get_by_role("button", name="Undo").click()
        expect(card(page, "Second")).to_be_visible()
        assert names(alice) == ["This machine", "Second"]
        assert alice.watch.wrong == []

    def test_is_done_by_the_keyboard_alone(self, visit: Visit) -> None:
        alice = visit()
        environment(alice, "Second")
        page = alice.open(PAGE)
        menu = card(page, "Second").locator("summary").first
        menu.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Make it the default").focus()
        page.keyboard.press("Enter")

        expect(card(page, "Second").get_by_text("Default", exact=True)).to_be_visible()
        page.get_by_role("link", name="Add environment").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_label("Name", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Add environment")).to_be_focused()


class TestMany:
    @AT_BOTH_SIZES
    def test_are_found_by_their_names(self, alice: Visitor) -> None:
        for number in range(6):
            environment(alice, f"Place {number}")
        page = alice.open(PAGE)
        cards = page.locator(".environment:visible")
        expect(cards).to_have_count(7)
        expect(page.get_by_label("Find an environment")).to_have_count(0)

        page.get_by_role("link", name="Add environment").click()
        page.get_by_role("dialog").get_by_label("Name", exact=True).fill("Place 7")
        page.get_by_role("dialog").get_by_role("button", name="Add environment").click()
        expect(cards).to_have_count(8)

        page.get_by_label("Find an environment").fill("pl 7")
        expect(cards).to_have_count(1)
        expect(card(page, "Place 7")).to_be_visible()
        page.get_by_label("Find an environment").fill("nothing like that")
        expect(page.get_by_text("No environment has this name.")).to_be_visible()


class TestTheTest:
    def test_is_followed_line_by_line_and_kept(self, alice: Visitor, shoot: Shoot) -> None:
        page = alice.open(PAGE)
        machine = card(page, "This machine")
        expect(machine.get_by_text("Not tested yet")).to_be_visible()

        machine.get_by_role("button", name="Test").click()
        expect(machine.get_by_role("list", name="Report of the test")).to_be_visible()
        expect(machine.get_by_text("Test passed")).to_be_visible(timeout=TEST_MS)

        go(page, page.url)
        expect(machine.get_by_text("Test passed")).to_be_visible()
        machine.get_by_text("Report", exact=True).click()
        expect(machine.get_by_text("Git is there.")).to_be_visible()
        shoot(page, "environments-tested")
        assert fits(page)
        assert violations(page, "environments") == []

    def test_says_what_failed_and_what_to_do(self, visit: Visit) -> None:
        alice = visit()
        environment(alice, "Containers", kind="DOCKER", config={"image": "there-is-none:1"})
        page = alice.open(PAGE)
        containers = card(page, "Containers")
        expect(containers.get_by_text("Not available")).to_be_visible()

        containers.get_by_role("button", name="Test").click()

        expect(containers.get_by_text("1 check failed")).to_be_visible(timeout=TEST_MS)
        expect(containers.locator(".problem")).to_be_visible()


class TestConsequences:
    def test_are_named_and_sessions_stopped_when_it_is_meant(self, visit: Visit) -> None:
        alice = visit()
        second = environment(alice, "Second")
        session = alice.session(alice.project(), "hello", environment_id=second["id"])
        alice.wait_until_idle(session)
        page = alice.open(f"{PAGE}{second['id']}/delete/")
        expect(page.get_by_text("These sessions are running here.")).to_be_visible()
        expect(page.get_by_role("main").get_by_role("link", name="feature")).to_be_visible()

        page.get_by_role("button", name=re.compile("Stop 1 session and delete")).click()

        expect(card(page, "Second")).to_have_count(0)
        wait_for(lambda: alice.read(session)["status"] == "STOPPED", 30)
        alice.person.call("POST", f"/api/sessions/{session['id']}/messages", {"text": "again"})
        wait_for(lambda: alice.read(session)["environment_name"] == "This machine", 60)


class TestOthers:
    def test_a_member_reads_and_tests_but_changes_nothing(self, visit: Visit) -> None:
        alice, bob = visit(), visit()
        add_member(alice.server, alice.organization_id, bob.person, "MEMBER")
        second = environment(alice, "Second")
        page = bob.open(f"{PAGE}?organization={alice.organization_id}")

        expect(card(page, "Second").get_by_role("button", name="Test")).to_be_visible()
        expect(page.get_by_role("link", name="Add environment")).to_have_count(0)
        expect(card(page, "Second").get_by_role("link", name="Edit")).to_have_count(0)
        bob.watch.forgive("403", "404")
        go(page, f"{alice.server.url}{PAGE}{second['id']}/")
        expect(page.get_by_role("heading", level=1)).not_to_have_text("Settings")

    def test_a_stranger_finds_nothing(self, visit: Visit) -> None:
        alice, charlie = visit(), visit()
        second = environment(alice, "Second")
        charlie.watch.forgive("404")

        for path in ("", "delete/", "authenticate/"):
            page = charlie.open(f"{PAGE}{second['id']}/{path}")
            assert "Second" not in page.content()


class TestWithoutScripts:
    def test_the_forms_are_pages(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(PAGE, alice.device(java_script_enabled=False))
        page.get_by_role("link", name="Look how they are now").click()
        expect(page.get_by_text("Available", exact=True)).to_be_visible()

        page.get_by_role("link", name="Add environment").click()
        page.get_by_role("radio", name="This machine").check(force=True)
        page.get_by_label("Name", exact=True).fill("Second")
        page.get_by_role("button", name="Add environment").click()
        expect(card(page, "Second")).to_be_visible()

        second = next(one for one in alice.person.call("GET", "/api/environments")["items"] if one["name"] == "Second")
        go(page, f"{alice.server.url}{PAGE}{second['id']}/delete/")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Undo").click()
        expect(card(page, "Second")).to_be_visible()


class TestDialogs:
    def test_warn_of_an_environment_that_is_not_available(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        containers = environment(alice, "Containers", kind="DOCKER", config={"image": "there-is-none:1"})
        alice.person.call("PATCH", f"/api/projects/{project['id']}", {"default_environment_id": containers["id"]})
        page = alice.open("/")

        page.get_by_role("button", name="New session").first.click()
        dialog = page.get_by_role("dialog", name="New session")
        expect(dialog.get_by_text("Containers is not available at the moment.")).to_be_visible()
        dialog.locator("details.more > summary").click()
        dialog.get_by_label("Environment").select_option(label="This machine")
        expect(dialog.get_by_text("is not available at the moment")).to_have_count(0)


class TestOverSsh:
    def test_approves_a_host_key_and_is_tried_out(self, visit: Visit, shoot: Shoot) -> None:
        alice, machine = visit(), sshd.shared()
        page = alice.open(f"{PAGE}new/?kind=SSH")
        page.get_by_label("Name", exact=True).fill("Build machine")
        page.get_by_label("Host", exact=True).fill("127.0.0.1")
        page.get_by_label("Port").fill(str(machine.port))
        page.get_by_label("User", exact=True).fill(machine.account.username)
        page.get_by_label("Private key").fill(machine.private_key)
        page.locator("[data-kind=SSH] details.more > summary").click()
        page.locator("[data-kind=SSH]").get_by_label("Agent program").fill(str(find_cli()))
        page.get_by_role("button", name="Fetch host key").click()
        expect(page.get_by_text(machine.host_key.fingerprint)).to_be_visible()
        shoot(page, "environments-host-key")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_label("Host key")).to_have_value(machine.host_key.text)
        page.get_by_role("button", name="Add environment").click()

        build = card(page, "Build machine")
        expect(build.get_by_text("Agents can do everything this account can.")).to_be_visible()
        expect(build.get_by_text("Available", exact=True)).to_be_visible()
        build.get_by_role("button", name="Test").click()
        expect(build.get_by_role("list", name="Report of the test")).to_be_visible()
        expect(build.get_by_role("status").filter(has_text=re.compile("passed|failed"))).to_be_visible(timeout=TEST_MS)
        shoot(page, "environments-ssh-tested")
        failed = build.locator("li:has(.failed)").all_inner_texts()
        assert [text for text in failed if "ordinary user" not in text and "no network" not in text] == []

        build.get_by_role("link", name="Edit").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("set on")).to_be_visible()
        assert machine.private_key.split("\n")[1] not in page.content()
