"""What a browser calls itself."""

from __future__ import annotations

import pytest

from accounts.browsers import Browser, recognize

KHTML = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KHTML} Version/17.4 Safari/605.1.15"
PHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {KHTML} CriOS/124.0 Mobile/15E148 Safari/604.1"
EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/124.0.0.0 Safari/537.36 Edg/124.0"
DROID = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {KHTML} Chrome/124.0.0.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MAC, ("Safari", "macOS")),
        (PHONE, ("Chrome", "iPhone")),
        (EDGE, ("Edge", "Windows")),
        (DROID, ("Chrome", "Android")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", ("Firefox", "Linux")),
        ("curl/8.5.0", ("", "")),
        ("", ("", "")),
    ],
)
def test_is_said_as_a_person_would(text: str, expected: tuple[str, str]) -> None:
    assert recognize(text) == Browser(*expected)
