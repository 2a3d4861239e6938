"""Projects as people make them: an import watched and cancelled, an archive, a refused one, three agents at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from tests.journeys.browsing import Visitor, chromium
from tests.journeys.server import Server, running
from tests.projects.building import Worktree
from tests.projects.serving import GitServer, serve

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(120)]

IMPORT_MS = 40_000


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    root = tmp_path_factory.mktemp("git")
    Worktree.create(root / "work").git("clone", "--quiet", "--bare", ".", str(root / "demo.git"))
    with serve(root) as git_server:
        yield git_server


@pytest.fixture(scope="module")
def importing(repository: GitServer) -> Iterator[Server]:
    with running(SLIPWAY_CLONE_PRIVATE_HOSTS=repository.origin) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(params=["desktop", "phone"])
def alice(request: pytest.FixtureRequest, importing: Server, browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(importing, browser, size=request.param)
    yield visitor
    visitor.close()
    assert visitor.watch.wrong == []


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


class TestAnImport:
    @pytest.fixture(autouse=True)
    def _slow(self, repository: GitServer) -> Iterator[None]:
        repository.delay_s = 3
        yield
        repository.delay_s = 0

    def test_shows_its_progress_and_then_the_project(self, alice: Visitor, repository: GitServer) -> None:
        page = alice.open("/")
        dialog = new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("demo.git"))
        expect(dialog.get_by_label("Name")).to_have_value("demo")
        dialog.get_by_role("button", name="Create project").click()

        progress = page.get_by_role("dialog").get_by_role("progressbar")
        expect(progress).to_be_visible()
        page.reload()
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
        page.get_by_role("button", name="Delete…").click()
        page.get_by_label("Type the project's name").fill("demo")
        page.get_by_role("button", name="Delete demo").click()

        expect(page.get_by_role("heading", name="Let an agent build something")).to_be_visible()

    def test_of_what_is_no_repository_says_why(self, alice: Visitor, repository: GitServer) -> None:
        page = alice.open("/")
        dialog = new_project(page, "From a URL")
        dialog.get_by_label("Repository URL").fill(repository.url("page/none.git"))
        dialog.get_by_role("button", name="Create project").click()

        expect(dialog.get_by_role("alert")).to_contain_text("Not a Git repository")
        expect(dialog.get_by_label("Name")).to_have_value("none")
        alice.watch.forgive("status of 400")


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


class TestSeveralAgents:
    def test_start_together_each_on_its_own_branch(self, alice: Visitor) -> None:
        project = alice.project()
        page = alice.open("/")
        page.locator("main").get_by_role("button", name="New session").click()
        dialog = page.get_by_role("dialog", name="New session")
        dialog.get_by_label("Name").fill("trio")
        dialog.get_by_label("How many").fill("3")
        dialog.get_by_role("button", name="Start").click()

        page.wait_for_url("**/sessions/**")
        sessions = alice.person.call("GET", f"/api/projects/{project['id']}/sessions")["items"]
        assert len({session["branch"] for session in sessions}) == 3
        page.goto(alice.server.url)
        expect(page.locator(".session-list li")).to_have_count(3)
