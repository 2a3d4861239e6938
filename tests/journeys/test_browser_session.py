"""A session's page in use: interrupting, stopping, plans, questions, sub-agents, a dead agent, large output."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import logs
from tests.journeys.browsing import TURN_MS, Visitor, bash, script, session_path
from tests.journeys.conftest import AT_BOTH_SIZES, Shoot, Visit
from tests.journeys.operating import add_member, remove_member

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]

SLOW = script([{"text": "one two three four five six seven eight nine ten " * 8, "chunks": 80, "delay": 0.25}])
FREE = {"permission_mode": "bypassPermissions"}

# Where a card takes all the room there is, nothing of the conversation is seen.
AT_BOTTOM = "view => view.clientHeight === 0 || view.scrollHeight - view.scrollTop - view.clientHeight < 4"
SCROLLED = "view => view.scrollTop"


def at_bottom(page: Page) -> bool:
    return bool(page.locator("slw-conversation").evaluate(AT_BOTTOM))


def wait_until_at_bottom(page: Page) -> None:
    page.wait_for_function(f"() => ({AT_BOTTOM})(document.querySelector('slw-conversation'))")


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def working(page: Page) -> Locator:
    return page.get_by_role("button", name="Interrupt")


class TestATurnThatIsEndedEarly:
    @AT_BOTH_SIZES
    def test_by_the_button_keeps_what_was_said(self, alice: Visitor, shoot: Shoot) -> None:
        turn = script([{"text": "said before"}, *bash("tail -f /dev/null")])
        page = alice.open(session_path(alice.session(alice.project(), turn, **FREE)))
        expect(page.locator(".tool")).to_contain_text("running", timeout=TURN_MS)

        working(page).click()

        expect(working(page)).to_be_hidden()
        expect(page.locator(".tool")).to_contain_text("interrupted")
        expect(page.get_by_text("The turn was interrupted.")).to_have_count(1)
        shoot(page, "interrupted")
        expect(page.get_by_text("said before", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        expect(page.get_by_label("Message to the agent")).to_be_enabled()

    def test_by_two_escapes(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project(), SLOW)
        page = alice.open(session_path(session))
        expect(page.locator(".prose").get_by_text("one two three")).to_be_visible(timeout=TURN_MS)

        page.keyboard.press("Escape")
        page.keyboard.press("Escape")

        expect(working(page)).to_be_hidden()
        shoot(page, "interrupted-by-keys")
        assert alice.wait_until_idle(session)["active_job"] is None

    @AT_BOTH_SIZES
    def test_before_the_agent_has_it_shows_its_steps_and_is_called_off(self, alice: Visitor, shoot: Shoot) -> None:
        session, job = alice.session(alice.project()), str(uuid.uuid4())
        logs.write(alice.server, session, logs.starting("make a plan", job), ago=dt.timedelta(seconds=34))
        page = alice.open(session_path(session))
        steps = page.locator(".start-steps li")
        expect(steps).to_have_text(
            [
                re.compile("Starting the sandbox$"),
                re.compile(r"Preparing the working tree\d\d s"),
                re.compile("Starting the agent$"),
            ]
        )
        expect(steps.nth(0)).to_have_class("is-done")
        expect(steps.nth(1)).to_have_attribute("aria-current", "step")
        shoot(page, "starting")

        page.route("**/cancel", lambda route: route.fulfill(status=202, json=alice.read(session)))
        with page.expect_request("**/cancel") as called_off:
            page.locator(".start-steps").get_by_role("button", name="Cancel").click()
        assert called_off.value.post_data_json == {"job_id": job}

    def test_goes_on_after_the_sandbox_was_stopped(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), script([{"text": "first"}]), **FREE)
        page = alice.open(session_path(session))
        expect(page.get_by_text("first", exact=True)).to_be_visible(timeout=TURN_MS)

        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".session-head").get_by_text("Stopped")).to_be_visible()
        page.get_by_label("Message to the agent").fill(script([{"text": "second"}]))
        page.keyboard.press("Enter")

        expect(page.get_by_text("second", exact=True)).to_be_visible(timeout=TURN_MS)


class TestWhatTheAgentAsks:
    @AT_BOTH_SIZES
    def test_a_plan_is_sent_back_and_then_approved(self, alice: Visitor) -> None:
        page = alice.open(session_path(alice.session(alice.project(), "make a plan", permission_mode="plan")))
        plan = card(page, "Approve this plan?")
        expect(plan.get_by_role("heading", name="FizzBuzz")).to_be_visible(timeout=TURN_MS)

        plan.get_by_role("button", name="Keep planning…").click()
        page.get_by_label("What should be different?").fill("Use primes.")
        plan.get_by_role("button", name="Keep planning", exact=True).click()

        expect(page.get_by_text("Asked to keep planning")).to_be_visible()
        expect(page.get_by_text("“Use primes.”")).to_be_visible()
        expect(working(page)).to_be_hidden(timeout=TURN_MS)
        page.get_by_label("Message to the agent").fill("make a plan")
        page.get_by_role("button", name="Send", exact=False).click()
        card(page, "Approve this plan?").get_by_role("button", name="Approve the plan").click(timeout=TURN_MS)
        expect(page.get_by_text("Plan approved")).to_be_visible()
        expect(page.get_by_text("The plan is approved, so I carry it out.")).to_be_visible(timeout=TURN_MS)

    def test_a_question_is_answered_by_the_keyboard(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project(), "ask me a question")))
        question = card(page, "The agent asks")
        expect(question.get_by_role("button", name="Answer")).to_be_disabled(timeout=TURN_MS)

        question.get_by_role("radio", name="Primes").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")

        expect(page.get_by_text("You chose Primes")).to_be_visible(timeout=TURN_MS)
        kept = page.locator(".plan-kept")
        expect(kept).to_contain_text(": Primes")
        kept.locator("summary").click()
        expect(kept.locator("dd")).to_have_text("Primes")

    def test_single_keys_deny_and_allow(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project(), "Write a small fizzbuzz program and test it")))
        expect(card(page, "May the agent do this?")).to_be_visible(timeout=TURN_MS)

        page.keyboard.press("Escape")
        expect(page.locator(".permission:not(.is-settling)")).to_be_visible()
        page.keyboard.press("d")
        page.get_by_label("What should the agent do instead?").fill("no, thanks")
        page.keyboard.press("Enter")

        expect(page.get_by_text("“no, thanks”")).to_be_visible()
        expect(page.get_by_text("I stop here and leave everything as it is.")).to_be_visible(timeout=TURN_MS)

    def test_an_answer_in_one_tab_ends_the_question_in_the_other(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        one, other = alice.open(session_path(session)), alice.open(session_path(session))
        expect(card(other, "May the agent do this?").get_by_text("/workspace/fizzbuzz.py")).to_be_visible(
            timeout=TURN_MS
        )

        card(one, "May the agent do this?").get_by_role("button", name="Allow once").click()

        expect(other.get_by_text(re.compile("Allowed by "))).to_be_visible()
        expect(card(other, "May the agent do this?").get_by_text("/workspace/fizzbuzz.py", exact=True)).to_be_hidden()


class TestWhatTheAgentDid:
    @AT_BOTH_SIZES
    def test_a_sub_agents_work_is_nested_below_it(self, alice: Visitor) -> None:
        page = alice.open(session_path(alice.session(alice.project(), "use a sub-agent")))

        expect(page.locator(".nested").get_by_text("git ls-files")).to_be_visible(timeout=TURN_MS)
        expect(page.get_by_text("The sub-agent is back.")).to_be_visible(timeout=TURN_MS)

    def test_long_output_and_many_files_stay_usable(self, visit: Visit) -> None:
        alice = visit()
        many = "for i in $(seq 1 300); do echo $i > file-$i.txt; done"
        session = alice.session(alice.project(), script(bash("seq 1 2000"), bash(many), [{"text": "made"}]), **FREE)
        page = alice.open(session_path(session))
        expect(page.get_by_text("made", exact=True)).to_be_visible(timeout=TURN_MS)

        page.get_by_text("seq 1 2000").last.click()
        expect(page.locator("pre.output")).to_have_text(re.compile(r"^1\n2\n(.*\n)+20$"))
        page.get_by_role("button", name="Show all 2,000 lines").click()

        expect(page.locator("pre.output")).to_have_text(re.compile(r"\n2000$"))
        changes = page.get_by_role("region", name="Changes")
        expect(changes.get_by_text("300 files changed")).to_be_visible()
        changes.get_by_text("file-200.txt").click()
        expect(changes.get_by_role("cell", name="200")).to_be_visible()

    def test_a_dead_agent_is_told_once_and_sent_to_again(self, visit: Visit) -> None:
        alice = visit()
        session = alice.session(alice.project(), script(bash("kill -9 $PPID")), **FREE)
        page = alice.open(session_path(session))

        expect(page.get_by_text(re.compile("ended unexpectedly"))).to_have_count(1, timeout=TURN_MS)
        expect(page.get_by_text("not finished")).to_be_visible()
        expect(page.locator(".session-head").get_by_text("Failed")).to_be_visible()
        page.get_by_role("button", name="Send the message again").click()

        expect(page.get_by_text(re.compile("ended unexpectedly"))).to_have_count(2, timeout=TURN_MS)


class TestTheEndOfTheConversation:
    def test_stays_in_view_while_the_dock_grows(self, visit: Visit) -> None:
        alice = visit(size="small")
        page = alice.open(session_path(alice.session(alice.project(), "Write a small fizzbuzz program and test it")))

        for _ in range(3):
            ask = card(page, "May the agent do this?")
            expect(ask).to_be_visible(timeout=TURN_MS)
            wait_until_at_bottom(page)
            expect(page.locator(".new-output")).to_have_count(0)
            asked = ask.inner_text()
            ask.get_by_role("button", name="Allow once").click()
            page.wait_for_function(
                "asked => ![...document.querySelectorAll('.permission')].some(one => one.innerText === asked)",
                arg=asked,
            )
        expect(page.get_by_text("The tests passed")).to_be_visible(timeout=TURN_MS)
        wait_until_at_bottom(page)

    @AT_BOTH_SIZES
    def test_is_left_by_scrolling_up_and_found_again(self, alice: Visitor) -> None:
        lines = "\n\n".join(f"Paragraph {number} of many." for number in range(60))
        text = script([{"text": lines, "chunks": 60, "delay": 0.1}])
        page = alice.open(session_path(alice.session(alice.project(), text)))
        expect(page.get_by_text("Paragraph 30 of many.", exact=True)).to_be_visible(timeout=TURN_MS)

        conversation = page.locator("slw-conversation")
        conversation.hover()
        page.mouse.wheel(0, -400)
        expect(page.get_by_role("button", name="New output")).to_be_visible()
        page.wait_for_timeout(500)
        place = conversation.evaluate(SCROLLED)
        expect(working(page)).to_be_hidden(timeout=TURN_MS)
        expect(page.get_by_text("Paragraph 59 of many.", exact=True)).to_be_attached()
        assert not at_bottom(page)
        assert conversation.evaluate(SCROLLED) == place, "the end of a message moved the reader"

        page.get_by_role("button", name="New output").click()
        wait_until_at_bottom(page)

        page.mouse.wheel(0, -2000)
        expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()


class TestAMemberWhoIsRemoved:
    def test_while_watching_is_told_so_and_can_do_nothing_more(self, visit: Visit, shoot: Shoot) -> None:
        alice, bob = visit(), visit()
        session = alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        alice.wait_until_asked(session)
        member_id = add_member(alice.server, alice.organization_id, bob.person, "MEMBER")
        page = bob.open(session_path(session))
        expect(card(page, "May the agent do this?")).to_be_visible()

        remove_member(alice.server, member_id)

        expect(page.get_by_text("you have no access to it any more")).to_be_visible(timeout=TURN_MS)
        expect(card(page, "May the agent do this?")).to_have_count(0)
        expect(page.get_by_label("Message to the agent")).to_be_disabled()
        shoot(page, "removed")
        page.close()
        bob.watch.forgive("status of 404")


class TestAViewer:
    def test_reads_and_cannot_act(self, visit: Visit) -> None:
        alice, vera = visit(), visit()
        session = alice.session(alice.project(), "Write a small fizzbuzz program and test it")
        alice.wait_until_asked(session)
        add_member(alice.server, alice.organization_id, vera.person, "VIEWER")
        page = vera.open(session_path(session))

        expect(card(page, "May the agent do this?")).to_be_visible()
        expect(page.get_by_text("Only members can answer.")).to_be_visible()
        expect(page.locator(".session-head").get_by_text("Waits for an answer")).to_be_visible()
        expect(page.get_by_text("waits for you", exact=False)).to_have_count(0)
        self.sees_that_there_is_more_of_what_is_asked(page)
        expect(page.get_by_label("Message to the agent")).to_have_count(0)
        for name in ("Allow once", "Interrupt", "Stop", "New session", "Rename…"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        page.keyboard.press("a")
        page.wait_for_timeout(300)
        assert alice.wait_until_asked(session)

        usage = vera.open(f"/settings/model-key/?organization={alice.organization_id}")
        expect(usage.get_by_text("Only admins see and change the key.")).to_be_visible()

    def sees_that_there_is_more_of_what_is_asked(self, page: Page) -> None:
        whole = page.viewport_size
        below = card(page, "May the agent do this?").locator(".permission-below")
        expect(below).to_be_hidden()
        page.set_viewport_size({"width": 360, "height": 580})
        expect(below).to_have_text(re.compile(r"^\d+ more lines"))
        below.click()
        expect(below).to_be_hidden()
        assert whole is not None
        page.set_viewport_size(whole)
