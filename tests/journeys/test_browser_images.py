"""Images that go with a message: pasted, dropped or chosen, shown before and after, refused with a reason."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from tests.journeys.browsing import TURN_MS, reload, script, session_path
from tests.journeys.conftest import Shoot, Visit
from tests.journeys.patience import patiently

pytestmark = [pytest.mark.browser, pytest.mark.cli, pytest.mark.timeout(180)]

PASTE = """([image, type, name]) => {
    const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type }));
    const area = document.querySelector("slw-composer textarea");
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""
DROP = """([image, type, name, kind]) => {
    const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type }));
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(".composer").dispatchEvent(event);
}"""


def png(width: int = 40, height: int = 40, red: int = 200) -> bytes:
    """A real picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([red, 80, 120]) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def say(page: Page, text: str) -> None:
    page.get_by_label("Message to the agent").fill(text)
    page.keyboard.press("Enter")


def paste(page: Page, data: bytes, kind: str = "image/png", name: str = "shot.png") -> None:
    given = [base64.b64encode(data).decode(), kind, name]
    patiently(lambda: page.evaluate(PASTE, given), Error)  # a page that came while servers died may load once more


def drag(page: Page, kind: str, data: bytes) -> None:
    given = [base64.b64encode(data).decode(), "image/png", "dropped.png", kind]
    patiently(lambda: page.evaluate(DROP, given), Error)


def to_send(page: Page) -> Locator:
    return page.get_by_role("list", name="Images to send")


class TestImages:
    def test_are_pasted_shown_removed_and_sent(self, visit: Visit, shoot: Shoot) -> None:
        alice = visit()
        session = alice.session(alice.project())
        page = alice.open(session_path(session))
        expect(page.get_by_label("Message to the agent")).to_be_enabled()
        paste(page, png())
        paste(page, png(red=20), name="other.png")
        expect(page.get_by_role("list", name="Images to send").locator("img")).to_have_count(2)
        expect(page.get_by_text("Uploading…")).to_have_count(0)
        shoot(page, "images")

        page.get_by_role("button", name="Remove other.png").click()
        say(page, script([{"text": "I see it."}]))

        image = page.get_by_role("article").get_by_role("img", name="Image 1")
        expect(image).to_be_visible(timeout=TURN_MS)
        assert page.wait_for_function("() => document.querySelector('.sent-pictures img')?.naturalWidth === 40")
        expect(page.locator(".prose").get_by_text("I see it.")).to_be_visible(timeout=TURN_MS)
        sent = alice.person.call("GET", f"/api/sessions/{session['id']}/messages")["items"][0]
        assert [one["media_type"] for one in sent["attachments"]] == ["image/png"]

    def test_that_cannot_be_sent_say_so_one_by_one_and_the_draft_survives_a_reload(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        expect(page.get_by_label("Message to the agent")).to_be_enabled()
        paste(page, png())
        paste(page, b"hello", kind="text/plain", name="notes.txt")
        paste(page, b"not really an image", name="fake.png")
        images = page.get_by_role("list", name="Images to send")

        expect(images.get_by_text("Only PNG, JPEG, GIF and WebP images can be sent.")).to_be_visible()
        expect(images.get_by_text("This is not a PNG, JPEG, GIF or WebP image.")).to_be_visible()
        page.get_by_label("Message to the agent").fill("about these")
        reload(page)

        expect(images.locator("img")).to_have_count(1)
        expect(page.get_by_label("Message to the agent")).to_have_value("about these")
        alice.watch.forgive("status of 4")

    def test_are_dropped_on_the_composer(self, visit: Visit) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        expect(page.get_by_label("Message to the agent")).to_be_enabled()

        drag(page, "dragover", png())
        expect(page.locator(".composer.over")).to_have_count(1)
        drag(page, "dragleave", png())
        expect(page.locator(".composer.over")).to_have_count(0)
        drag(page, "drop", png())

        expect(to_send(page).get_by_role("img", name="dropped.png")).to_be_visible()
        expect(page.get_by_text("Uploading…")).to_have_count(0)
        say(page, script([{"text": "caught"}]))
        expect(page.locator(".sent-pictures img")).to_have_count(1)
        expect(to_send(page)).to_have_count(0)

    def test_are_chosen_from_the_menu_by_the_keyboard(self, visit: Visit, tmp_path: Path) -> None:
        alice = visit()
        page = alice.open(session_path(alice.session(alice.project())))
        paths = [tmp_path / "one.png", tmp_path / "two.png"]
        for path in paths:
            path.write_bytes(png())

        expect(page.get_by_label("Message to the agent")).to_be_enabled()
        with page.expect_file_chooser() as opened:
            page.get_by_label("Add", exact=True).press("Enter")
            expect(page.get_by_role("button", name="Images…")).to_be_focused()
            page.keyboard.press("Enter")
        opened.value.set_files(paths)

        expect(to_send(page).locator("img")).to_have_count(2)
        expect(page.get_by_label("Message to the agent")).to_be_focused()
        expect(page.get_by_text("Uploading…")).to_have_count(0)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Write a word about the images, too.")).to_be_visible()
        expect(to_send(page).locator("img")).to_have_count(2)
