"""Mails in the reader's language, with our name rather than the host's."""

from __future__ import annotations

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client


@pytest.mark.parametrize(
    ("language", "subject"), [("en", "Confirm your email address"), ("ja", "メールアドレスの確認")]
)
def test_confirmation_is_in_the_language_of_the_browser(db: None, language: str, subject: str) -> None:
    cache.clear()  # sign-ups from one address are counted
    form = {"email": "new@example.com", "password1": "a long enough passphrase 7"}
    Client().post("/accounts/signup/", form, headers={"Accept-Language": language})

    assert mail.outbox[0].subject == f"[Slipway] {subject}"
    assert "Slipway, " in mail.outbox[0].body
    assert ("コード" in str(mail.outbox[0].body)) is (language == "ja")
