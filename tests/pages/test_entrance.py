"""The pages before the app."""

from __future__ import annotations

import re

from accounts.models import User
from tests.pages.conftest import browser


class TestEntrance:
    def test_leads_the_hand_to_the_field_that_is_wrong(self, alice: User) -> None:
        empty = browser().get("/accounts/login/").content.decode()
        wrong = browser().post("/accounts/signup/", {"email": "new@example.com", "password1": "short"})

        assert re.findall(r'<input[^>]*name="(\w+)"[^>]*autofocus', empty) == ["login"]
        page = wrong.content.decode()
        assert re.findall(r'<input[^>]*name="(\w+)"[^>]*autofocus', page) == ["password1"]
        field = re.search(r'<input[^>]*name="password1"[^>]*>', page)
        assert field is not None
        assert 'aria-invalid="true"' in field.group()
        assert 'id="id_password1_error"' in page
        assert 'aria-describedby="id_password1_error"' in field.group()
        assert page.count("8 characters") == 1  # by the error, which takes the hint's place

    def test_shows_the_password_only_with_a_script(self, db: None) -> None:
        page = browser().get("/accounts/login/").content.decode()

        assert re.search(r'<button[^>]*hidden data-reveal[^>]*aria-label="Show the password"', page)

    def test_speaks_the_language_that_is_chosen_there(self, db: None) -> None:
        client = browser()
        client.post("/i18n/setlang/", {"language": "ja", "next": "/accounts/login/"})

        assert '<html lang="ja"' in client.get("/accounts/login/").content.decode()
