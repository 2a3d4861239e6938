"""Environments in a browser, with a real Docker engine and the local Modal: tried out, and given a model key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from sessions.engine import cli
from tests import engine
from tests.fakes import modal
from tests.fakes.modal import LocalModal
from tests.journeys.browsing import Visitor, script
from tests.journeys.conftest import Shoot
from tests.journeys.curl import wait_for
from tests.journeys.looking import violations
from tests.journeys.server import Server, running
from tests.journeys.vendor import Vendor, serving

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(240)]

KEY = "sk-ant-api03-of-the-server-" + secrets.token_hex(8)
TOKEN = "sk-ant-oat01-of-the-environment-" + secrets.token_hex(8)
TEST_MS = 90_000


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with serving() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def local_modal() -> Iterator[LocalModal]:
    program = str(cli.find_cli().parent)
    with modal.running({program: program}) as local:
        yield local


@pytest.fixture(scope="module")
def server(vendor: Vendor, local_modal: LocalModal) -> Iterator[Server]:
    with running(
        None,
        SLIPWAY_DOCKER_HOST=engine.required().url,
        SLIPWAY_ANTHROPIC_API_KEY=KEY,
        SLIPWAY_ANTHROPIC_BASE_URL=vendor.url,
        **local_modal.environment,
    ) as started:
        yield started


@pytest.fixture
def alice(server: Server, browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(server, browser)
    yield visitor
    visitor.close()
    assert visitor.watch.wrong == []


def environment(alice: Visitor, kind: str, **more: Any) -> str:
    body = {"organization_id": alice.organization_id, "name": f"Some {kind}", "kind": kind, **more}
    return str(alice.person.call("POST", "/api/environments", body)["id"])


def card(page: Page, kind: str) -> Locator:
    return page.get_by_role("article", name=f"Some {kind}", exact=True)


def tried(page: Page, kind: str) -> None:
    """Press the card's button, and read the report that comes line by line."""
    mine = card(page, kind)
    expect(mine.get_by_text("Available", exact=True)).to_be_visible()
    mine.get_by_role("button", name="Test").click()
    expect(mine.get_by_role("list", name="Report of the test")).to_be_visible()
    expect(
        mine.get_by_role("status").filter(has_text="passed").or_(mine.get_by_role("status").filter(has_text="failed"))
    ).to_be_visible(timeout=TEST_MS)
    assert mine.locator("li:has(.failed)").all_inner_texts() == []
    expect(mine.get_by_text("Test passed")).to_be_visible()
    mine.get_by_text("Report", exact=True).click()
    expect(mine.get_by_text("Git is there.")).to_be_visible()


class TestDocker:
    def test_is_tried_out_and_its_sessions_work_with_a_key_of_its_own(
        self, alice: Visitor, vendor: Vendor, shoot: Shoot
    ) -> None:
        config = {"image": engine.required().image, "mount_credentials": True}
        place = environment(alice, "DOCKER", config=config)
        page = alice.open(f"/settings/environments/?organization={alice.organization_id}")
        mine = card(page, "DOCKER")
        tried(page, "DOCKER")
        shoot(page, "environments-docker-tested")
        assert violations(page, "environments") == []

        # A key of its own, entered where one sees which is used, and never shown again.
        expect(mine.get_by_text("This server's key")).to_be_visible()
        mine.get_by_role("link", name="Model key", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Model key").fill("not a key")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Paste an API key")
        shoot(page, "environments-authenticate")
        assert violations(page, "authenticate") == []
        dialog.get_by_label("Model key").fill(TOKEN)
        dialog.get_by_role("button", name="Save").click()
        expect(mine.get_by_text(f"Its own OAuth token, …{TOKEN[-4:]}")).to_be_visible()
        assert TOKEN not in page.content()

        # The real agent works with it, without seeing it; what the operator put into the folder it does see.
        folder = alice.server.data_dir / f"environments/{place}/claude/skills/tea"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "SKILL.md").write_text("---\nname: tea\ndescription: Make tea.\n---\nMake tea.\n")
        (folder / "SKILL.md").chmod(0o600)
        project = alice.project()
        prompt = script([{"text": "Hello."}])
        session = alice.session(project, prompt, environment_id=place)
        alice.wait_until_idle(session)
        headers = vendor.seen[-1]
        assert (headers["authorization"], headers.get("x-api-key")) == (f"Bearer {TOKEN}", None)
        assert "oauth-2025-04-20" in headers["anthropic-beta"].split(",")
        assert TOKEN not in str(vendor.bodies)
        assert "tea" in [one["name"] for one in alice.read(session)["commands"]]
        usage = alice.person.call("GET", f"/api/orgs/{alice.organization_id}/usage")
        assert (usage["calls"] > 0, float(usage["cost_usd"]) > 0) == (True, True)

        # Removed: the server's key again, in the same session.
        mine.get_by_role("link", name="Model key", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Remove key").click()
        expect(mine.get_by_text("This server's key")).to_be_visible()
        before = len(vendor.seen)
        alice.person.call("POST", f"/api/sessions/{session['id']}/messages", {"text": prompt})
        wait_for(lambda: len(vendor.seen) > before, 60)
        assert vendor.seen[-1].get("x-api-key") == KEY
        alice.wait_until_idle(session)


class TestModal:
    def test_is_tried_out(self, alice: Visitor, shoot: Shoot) -> None:
        tokens = {"token_id": modal.TOKEN_ID, "token_secret": modal.TOKEN_SECRET}
        environment(alice, "MODAL", config={"agent_path": str(cli.find_cli())}, secrets=tokens)
        page = alice.open(f"/settings/environments/?organization={alice.organization_id}")

        tried(page, "MODAL")
        shoot(page, "environments-modal-tested")
