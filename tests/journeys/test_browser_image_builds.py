"""Images of Docker environments in a browser, built by a real engine; and a server that is killed in the middle."""

from __future__ import annotations

import contextlib
import signal
import socket as sockets
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests import engine
from tests.engine import Engine
from tests.environments.images.looking import left_over
from tests.journeys.browsing import Visitor
from tests.journeys.conftest import Shoot
from tests.journeys.curl import Curl, wait_for
from tests.journeys.looking import violations
from tests.journeys.person import Person
from tests.journeys.server import Server, running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240), pytest.mark.undisturbed("kills the server itself")]

BUILD_MS = 60_000
CONTEXT_BYTES = 5 * 2**20


@pytest.fixture(scope="module")
def docker() -> Engine:
    return engine.required()


@pytest.fixture(scope="module")
def server(docker: Engine) -> Iterator[Server]:
    with running(SLIPWAY_DOCKER_HOST=docker.url, SLIPWAY_BUILD_CONTEXT_MAX_BYTES=str(CONTEXT_BYTES)) as started:
        yield started


@pytest.fixture(params=["desktop", "phone"])
def alice(request: pytest.FixtureRequest, server: Server, browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(server, browser, size=request.param, theme="dark" if request.param == "phone" else "light")
    yield visitor
    visitor.close()
    assert visitor.watch.wrong == []


class TestAnImageOfOnesOwn:
    def test_is_dropped_corrected_built_and_used(
        self, alice: Visitor, docker: Engine, shoot: Shoot, tmp_path: Path
    ) -> None:
        page = alice.open(f"/settings/environments/?organization={alice.organization_id}")
        expect(page.locator("slw-environments:defined")).to_be_attached()  # else the link leads to a page
        page.get_by_role("link", name="Add environment").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("radio", name="Docker In containers").check(force=True)
        dialog.get_by_label("Name", exact=True).fill("box")

        # An image that there is, with its size and age.
        dialog.get_by_text("Choose an image").click()
        expect(page.get_by_role("button", name=docker.image)).to_contain_text("MB")
        shoot(page, "image-menu")
        page.get_by_role("button", name=docker.image).click()
        expect(dialog.get_by_label("Container image", exact=True)).to_have_value(docker.image)

        # A Dockerfile, looked at as it comes.
        dialog.get_by_role("radio", name="From a Dockerfile").check(force=True)
        file = tmp_path / "Dockerfile"
        file.write_text(f"FROM {docker.image}\n\nRUN --network=host id\n")
        dialog.get_by_label("A Dockerfile, or an archive of its files").set_input_files(file)
        expect(dialog.get_by_text("RUN --network is not allowed")).to_be_visible()
        dialog.get_by_role("button", name="Line 3").click()
        assert page.evaluate("getSelection().toString()") == "RUN --network=host id"
        shoot(page, "image-refused")
        assert violations(page, "image") == []

        # Built after the form, while the dialog waits; what fails is told with its line.
        area = dialog.get_by_label("Dockerfile", exact=True)
        area.fill(f"FROM {docker.image}\nRUN echo one; sleep 1; echo two\nRUN exit 4\n")
        expect(dialog.get_by_text(f"Can be built, upon {docker.image}.")).to_be_visible()
        dialog.get_by_role("button", name="Add environment").click()
        expect(dialog.locator(".log")).to_contain_text("[2/3] RUN echo one; sleep 1; echo two\none\n", timeout=BUILD_MS)
        shoot(page, "image-building")
        expect(dialog.get_by_text("returned a non-zero code: 4")).to_be_visible(timeout=BUILD_MS)
        expect(dialog.get_by_text("its image was not built")).to_be_visible()
        shoot(page, "image-failed")
        assert violations(page, "image") == []

        area.fill(f"FROM {docker.image}\nRUN echo fine\n")
        dialog.get_by_role("button", name="Add environment").click()
        expect(dialog).to_have_count(0, timeout=BUILD_MS)
        expect(page.get_by_role("heading", name="box")).to_be_visible()
        [box] = [one for one in environments(alice) if one["name"] == "box"]
        built = alice.person.call("GET", f"/api/environments/{box['id']}/builds")["items"]
        assert [build["status"] for build in built] == ["COMPLETED", "FAILED"]

        # Built again from where it is changed, and cancelled.
        page = alice.open(f"/settings/environments/{box['id']}/")
        expect(page.get_by_text("Built just now")).to_be_visible()
        page.get_by_label("Dockerfile", exact=True).fill(f"FROM {docker.image}\nRUN echo begun; sleep 100\n")
        page.get_by_role("button", name="Build the image").click()
        expect(page.locator(".log")).to_contain_text("begun\n", timeout=BUILD_MS)
        page.get_by_role("button", name="Cancel the build").click()
        expect(page.get_by_text("The build was cancelled").first).to_be_visible(timeout=BUILD_MS)
        shoot(page, "image-page")


def environments(visitor: Visitor) -> list[dict[str, Any]]:
    path = f"/api/environments?organization_id={visitor.organization_id}"
    return list(visitor.person.call("GET", path)["items"])


class TestAContextOfTwoGigabytes:
    """Refused while it comes in, whoever sends it, and none of it kept."""

    @pytest.fixture
    def head(self, server: Server) -> str:
        path = f"/api/environments/{uuid.uuid4()}/dockerfile"
        return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"

    def test_with_its_length_is_answered_at_its_beginning(self, server: Server, head: str) -> None:
        with sockets.create_connection(("127.0.0.1", server.port), 30) as connection:
            connection.sendall(f"{head}Content-Length: {2 * 2**30}\r\n\r\n".encode() + bytes(2**16))
            said = connection.recv(4096)

        assert b" 413 " in said.split(b"\r\n")[0]
        assert b"The request is too large." in said

    def test_without_its_length_leaves_nothing_on_the_disk(self, server: Server, head: str) -> None:
        chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
        with sockets.create_connection(("127.0.0.1", server.port), 30) as connection:
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(CONTEXT_BYTES // 2**20 + 5):
                connection.sendall(chunk)
            wait_for(lambda: not spooled(server), 20)
            connection.sendall(b"0\r\n\r\n")
            said = connection.recv(4096)

        assert b" 413 " in said.split(b"\r\n")[0]


def spooled(server: Server) -> list[int]:
    """Sizes of the files without a name that the server writes bodies to."""
    assert server.process is not None
    found = []
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if entry.readlink().name.endswith(" (deleted)") and (size := entry.stat().st_size) > 2**20:
                found.append(size)
    return found


class TestAServerThatIsKilled:
    def test_in_the_middle_of_a_build_begins_it_anew_and_leaves_nothing(self, server: Server, docker: Engine) -> None:
        someone = Person(server, "builder@example.com")
        someone.sign_up()
        curl = Curl(server, someone.make_token("READ", "WRITE", "ADMIN"))
        organization = curl.call("GET", "/me")["organizations"][0]["id"]
        body = {"organization_id": organization, "name": "box", "kind": "DOCKER", "config": {}}
        box = curl.call("POST", "/environments", body)["id"]
        path = f"/environments/{box}/dockerfile"
        text = f"FROM {docker.image}\nRUN echo begun; sleep 4; echo done\n"
        subprocess.run([*curl.command("POST", path, None), "--form", f"text={text}", "--fail"], check=True)
        build = curl.call("POST", "/docker/image-build", {"environment_id": box})["id"]
        wait_for(lambda: "begun" in str(curl.call("GET", f"/docker/image-build/{build}/output")), 60)

        server.stop(signal.SIGKILL)
        server.start()
        done = wait_for(lambda: ended(curl.call("GET", f"/docker/image-build/{build}")), 90)

        assert (done["status"], done["error"]) == ("COMPLETED", "")
        assert left_over(docker, box) == []


def ended(build: dict[str, Any]) -> dict[str, Any] | None:
    return build if build["status"] in ("COMPLETED", "FAILED") else None
