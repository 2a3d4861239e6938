"""Projects as people make them: an import watched and cancelled, an archive, a refused one, three agents at once."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.journeys.browsing import Visitor, go, reload
from tests.journeys.conftest import AT_BOTH_SIZES, Visit
from tests.journeys.patience import PATIENCE
from tests.journeys.test_browser_images import png
from tests.projects.serving import GitServer

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]

IMPORT_MS = 20_000 * PATIENCE


def zipped(name: str, *items: tuple[str, bytes]) -> FilePayload:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in items:
            archive.writestr(path, data)
    return FilePayload(name=name, mimeType="application/zip", buffer=buffer.getvalue())


def new_project(page: Page, source: str) -> Locator:
    page.get_by_role("button", name="Import a repository").click()
    dialog = page.get_by_role("dialog", name="New project")
    dialog.get_by_role("radio", name=source).check(force=True)
    return dialog


def more(dialog: Locator) -> Locator:
    """The dialog with all that is folded away at first."""
    summary = dialog.locator("details.more > summary")
    if not dialog.get_by_label("Name").is_visible():
        summary.click()
    return dialog


class TestAnImport:
    @pytest.fixture(autouse=True)
    def _slow(self, repository: GitServer) -> Iterator[None]:
        repository.delay_s = 3
        yield
        repository.delay_s = 0

    @AT_BOTH_SIZES
    def test_shows_its_progress_and_then_the_project(self, alice: Visitor, repository: GitServer) -> None:
        page = alice.open("/")
        dialog = new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("demo.git"))
        expect(dialog.get_by_label("Name")).to_have_value("demo")
        dialog.get_by_role("button", name="Create project").click()

        progress = page.get_by_role("dialog").get_by_role("progressbar")
        expect(progress).to_be_visible()
        reload(page)
        expect(page.locator("main").get_by_role("progressbar")).to_be_visible()

        expect(page.locator("main").get_by_role("button", name="New session")).to_be_visible(timeout=IMPORT_MS)

    def test_can_be_cancelled_and_taken_away(self, alice: Visitor, repository: GitServer) -> None:
        page = alice.open("/")
        dialog = new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("demo.git"))
        dialog.get_by_role("button", name="Create project").click()

        expect(page.get_by_role("heading", name="Importing demo")).to_be_visible()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("The import was cancelled")).to_be_visible(timeout=IMPORT_MS)
        page.get_by_role("dialog").locator("footer").get_by_role("button", name="Close").click()
        page.get_by_label("More about demo").click()
        page.get_by_role("link", name="Delete…").click()
        page.get_by_label("Type the project's name").fill("demo")
        page.get_by_role("dialog").get_by_role("button", name="Delete project").click()

        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    def test_that_ends_takes_nobody_away_from_a_dialog(self, alice: Visitor, repository: GitServer) -> None:
        alice.project()
        body = {"organization_id": alice.organization_id, "name": "demo", "source": "URL"}
        alice.person.call("POST", "/api/projects", {**body, "url": repository.url("demo.git")})
        page = alice.open("/")
        expect(page.locator("main").get_by_role("progressbar")).to_be_visible()
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        dialog.get_by_label("What should the agent do?").fill("half a thought")

        expect(page.locator("main").get_by_text("Imported")).to_be_attached(timeout=IMPORT_MS)
        expect(dialog.get_by_label("What should the agent do?")).to_have_value("half a thought")
        dialog.get_by_role("button", name="Cancel").click()

        expect(page.locator("main").get_by_role("button", name="New session")).to_have_count(2)

    def test_of_what_is_no_repository_says_why(self, alice: Visitor, repository: GitServer) -> None:
        page = alice.open("/")
        dialog = new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("page/none.git"))
        dialog.get_by_role("button", name="Create project").click()

        expect(dialog.get_by_role("alert")).to_contain_text("Not a Git repository")
        expect(dialog.get_by_label("Name")).to_have_value("none")
        alice.watch.forgive("status of 400")

    def test_whose_dialog_is_closed_is_in_the_list_at_once(self, visit: Visit, repository: GitServer) -> None:
        alice = visit()
        page = alice.open("/")
        self.start(page, repository)
        page.keyboard.press("Escape")

        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("main").get_by_role("progressbar")).to_be_visible()

    def test_leaves_those_who_close_it_elsewhere_where_they_are(self, visit: Visit, repository: GitServer) -> None:
        alice = visit()
        alice.project()
        page = alice.open("/settings/usage/")
        page.locator(".sidebar").get_by_role("button", name="New project").click()
        self.start(page, repository, page.get_by_role("dialog", name="New project"))
        page.get_by_role("dialog").locator("header").get_by_role("button", name="Close").click()

        expect(page.locator(".tree").get_by_text("importing")).to_be_visible()
        page.locator(".sidebar").get_by_role("button", name="New project").click()
        expect(page.get_by_role("dialog").get_by_label("Repository URL")).to_have_value("")
        assert "/settings/usage/" in page.url

    def start(self, page: Page, repository: GitServer, dialog: Locator | None = None) -> None:
        dialog = dialog or new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("demo.git"))
        dialog.get_by_role("button", name="Create project").click()
        expect(page.get_by_role("heading", name="Importing demo")).to_be_visible()


class TestTheNewProjectDialog:
    def test_ends_at_the_new_project(self, visit: Visit) -> None:
        alice = visit()
        first = alice.project("first")
        page = alice.open("/")
        for number, name in enumerate(("second", "third")):
            page.locator("main").get_by_role("button", name="New project").click()
            dialog = page.get_by_role("dialog", name="New project")
            dialog.get_by_role("radio", name="Empty").check(force=True)
            dialog.get_by_label("Name").fill(name)
            dialog.get_by_role("button", name="Create project").click()
            expect(page.locator("main section")).to_have_count(number + 2)
            made = {one["name"]: one["id"] for one in alice.person.call("GET", "/api/projects")["items"]}
            address = f"/?organization={alice.organization_id}#project-{made[name]}"
            expect(page).to_have_url(alice.server.url + address)

        assert first["id"] in made.values()

    def test_opens_for_who_was_faster_than_its_script(self, visit: Visit) -> None:
        alice = visit()
        page = alice.context.new_page()
        held: list[Route] = []
        page.route("**/dist/main*.js", lambda route: held.append(route))
        page.goto(alice.server.url, wait_until="commit")
        page.get_by_role("button", name="Import a repository").click()
        expect(page.get_by_role("dialog")).to_have_count(0)

        held[0].continue_()

        expect(page.get_by_role("dialog", name="New project")).to_be_visible()

    def test_keeps_what_was_typed_while_the_server_is_away(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open("/")
        page.clock.install()
        dialog = new_project(page, "Empty")
        dialog.get_by_label("Name").fill("patience")
        page.route("**/api/projects", lambda route: route.fulfill(status=503, body="away"))
        with page.expect_response("**/api/projects"):
            dialog.get_by_role("button", name="Create project").click()
        for _ in range(20):
            page.clock.fast_forward(10_000)
            page.wait_for_timeout(200)
            if dialog.get_by_role("alert").is_visible():
                break

        expect(dialog.get_by_role("alert")).to_contain_text("Try again in a moment")
        expect(dialog.get_by_label("Name")).to_have_value("patience")
        page.unroute("**/api/projects")
        dialog.get_by_role("button", name="Create project").click()

        expect(page.locator("main").get_by_role("button", name="New session")).to_be_visible()
        alice.watch.forgive("status of 503")


class TestAnArchive:
    def test_becomes_a_project(self, alice: Visitor) -> None:
        page = alice.open("/")
        dialog = new_project(page, "Upload")
        file = zipped("shop.zip", ("shop/main.py", b"print(1)\n"))
        dialog.get_by_label("Archive").set_input_files([file])
        expect(dialog.get_by_label("Name")).to_have_value("shop")
        dialog.get_by_role("button", name="Create project").click()

        expect(page.locator("main").get_by_role("button", name="New session")).to_be_visible(timeout=IMPORT_MS)

    def test_that_is_hostile_is_refused_in_the_dialog(self, alice: Visitor) -> None:
        page = alice.open("/")
        dialog = new_project(page, "Upload")
        file = zipped("evil.zip", ("../../etc/passwd", b"x"))
        dialog.get_by_label("Archive").set_input_files([file])
        dialog.get_by_role("button", name="Create project").click()

        expect(dialog.get_by_role("alert")).to_be_visible()
        expect(dialog.get_by_label("Name")).to_have_value("evil")
        alice.watch.forgive("status of 400", "status of 422")
        assert alice.person.call("GET", "/api/projects")["items"] == []


class TestTheNewSessionDialog:
    """What it shows comes in after it opened, and moves the button that starts."""

    def test_starts_nothing_before_it_knows_what_it_starts(self, alice: Visitor) -> None:
        alice.project()
        page = alice.open("/")
        held: list[Route] = []
        page.route("**/api/models?*", lambda route: held.append(route))
        with page.expect_request("**/api/models?*"):
            self.open_and_name(page).click()
        expect(page.get_by_role("button", name="Starting…")).to_be_disabled()
        assert "/sessions/" not in page.url

        held[0].continue_()

        page.wait_for_url("**/sessions/**")

    @AT_BOTH_SIZES
    def test_says_what_is_missing_and_starts_all_the_same(self, alice: Visitor) -> None:
        alice.project()
        page = alice.open("/")
        page.route("**/api/models?*", lambda route: route.abort())
        start = self.open_and_name(page)

        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The server cannot be reached")
        start.click()

        page.wait_for_url("**/sessions/**")
        alice.watch.forgive("net::ERR_FAILED")

    def test_starts_no_second_one_until_it_is_opened_anew(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        page = alice.open("/")
        to_session = re.compile(r"/sessions/[^/]+/$")
        page.route(to_session, lambda route: route.fulfill(status=204))  # the browser stays where it is
        with page.expect_response(to_session):
            self.open_and_name(page).click()
        expect(page.get_by_role("button", name="Starting…")).to_be_disabled()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        page.unroute(to_session)
        start = self.open_and_name(page)
        page.get_by_role("dialog").get_by_label("Name").fill("another")
        start.click()

        page.wait_for_url("**/sessions/**")
        made = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        assert sorted(session["name"] for session in made) == ["another", "feature"]

    def test_asks_again_when_the_answer_is_lost(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        page = alice.open("/")
        tried: list[Route] = []

        def lose_the_first(route: Route) -> None:
            tried.append(route)
            if len(tried) > 1:
                return route.continue_()
            route.fetch()
            route.abort()

        page.route("**/api/projects/*/sessions", lose_the_first)
        self.open_and_name(page).click()

        page.wait_for_url("**/sessions/**")
        assert len(tried) == 2
        assert len(alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]) == 1
        alice.watch.forgive("net::ERR_FAILED")

    def test_asks_for_another_when_something_else_is_asked(self, visit: Visit) -> None:
        alice = visit()
        project = alice.project()
        page = alice.open("/")
        start = self.open_and_name(page)
        page.route(
            "**/api/projects/*/sessions", lambda route: (route.fetch(), route.fulfill(status=500, body="broken"))
        )
        start.click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        page.unroute("**/api/projects/*/sessions")
        page.get_by_role("dialog").get_by_label("Name").fill("another")
        start.click()

        page.wait_for_url("**/sessions/**")
        made = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        assert {session["name"] for session in made} == {"feature", "another"}
        alice.watch.forgive("status of 500")

    def open_and_name(self, page: Page) -> Locator:
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        more(dialog).get_by_label("Name").fill("feature")
        return dialog.get_by_role("button", name="Start")


class TestANewSession:
    @AT_BOTH_SIZES
    def test_opens_at_once_and_needs_nothing_but_what_is_to_be_done(self, alice: Visitor) -> None:
        project = alice.project()
        page = alice.open("/")
        opener = page.locator("main").get_by_role("button", name="New session")
        opener.hover()
        expect(page.locator("slw-new-session dialog")).to_be_attached()
        opener.click()

        dialog = page.get_by_role("dialog", name="New session")
        for name in ("Docker", "SSH", "Modal"):
            expect(dialog.get_by_text(name)).to_have_count(0)

        dialog.get_by_label("What should the agent do?").fill("hello there")
        dialog.get_by_label("What should the agent do?").press("Control+Enter")

        page.wait_for_url("**/sessions/**")
        (session,) = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        assert session["name"] == "hello there"

    def test_sends_images_along_with_the_first_message(self, alice: Visitor) -> None:
        project = alice.project()
        page = alice.open("/")
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        dialog.get_by_label("Add images").set_input_files(
            [FilePayload(name="red.png", mimeType="image/png", buffer=png())]
        )
        expect(dialog.get_by_alt_text("red.png")).to_be_visible()
        dialog.get_by_role("button", name="Start").click()
        expect(dialog.get_by_role("alert")).to_be_visible()  # what is to be done with it?

        dialog.get_by_label("What should the agent do?").fill("hello, look at this")
        dialog.get_by_role("button", name="Start").click()

        page.wait_for_url("**/sessions/**")
        (session,) = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        (message,) = alice.person.call("GET", f"/api/sessions/{session['id']}/messages")["items"]
        assert (session["name"], message["text"], len(message["attachments"])) == (
            "hello, look at this",
            "hello, look at this",
            1,
        )

    @AT_BOTH_SIZES
    def test_says_what_is_wrong_where_it_is_even_when_that_is_folded(self, alice: Visitor) -> None:
        alice.session(alice.project(), name="taken")
        page = alice.open("/")
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        more(dialog).get_by_label("Name").fill("taken")
        dialog.locator("details.more > summary").click()
        dialog.get_by_role("button", name="Start").click()

        expect(dialog.get_by_role("alert")).to_contain_text("has a session named “taken” already")
        expect(dialog.get_by_label("Name")).to_be_focused()
        alice.watch.forgive("status of 409")


class TestSeveralAgents:
    def test_start_together_each_on_its_own_branch(self, alice: Visitor) -> None:
        project = alice.project()
        page = alice.open("/")
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        more(dialog).get_by_label("Name").fill("trio")
        dialog.get_by_label("Number of sessions").fill("3")
        dialog.get_by_role("button", name="Start").click()

        page.wait_for_url("**/sessions/**")
        sessions = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        assert len({session["branch"] for session in sessions}) == 3
        go(page, alice.server.url)
        expect(page.locator(".session-list li")).to_have_count(3)
