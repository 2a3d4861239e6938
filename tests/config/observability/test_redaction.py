"""Secrets in every place of a log line where they have been seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.observability import redaction
from config.observability.redaction import HIDDEN, redact, redact_text

CANARY = "c4naryC4NARYc4nary"


@pytest.fixture
def forget() -> Iterator[None]:
    yield
    redaction._own.discard(CANARY)


class TestRedactText:
    @pytest.mark.parametrize(
        "text",
        [
            f"Authorization: Bearer {CANARY}",
            f"authorization=basic {CANARY}==",
            f"key sk-ant-api03-{CANARY}",
            f"token slp_AbCdEfGh_{CANARY}",
            f"gateway slpg_{CANARY}",
            f"clone https://bob:{CANARY}@git.example/x.git failed",
            f"postgresql://slipway:{CANARY}@db/slipway",
            f"redis://:{CANARY}@cache:6379/0",
            f"Cookie: theme=dark; sessionid={CANARY}; csrftoken={CANARY}",
            f"__Host-sessionid={CANARY}",
            f'{{"password": "{CANARY}"}}',
            f"?api_key={CANARY}&x=1",
            f"DB_PASSWORD={CANARY}",
            f"AWS_SECRET_ACCESS_KEY={CANARY}",
            f"export MY_API_KEY='{CANARY}'",
            f'{{"accessToken": "{CANARY}"}}',
            f'{{"client_secret": "{CANARY}"}}',
            f"clone https://{CANARY}@git.example/x.git failed",
            f'null value in column "x"\nDETAIL:  Failing row contains (1, {CANARY},\nmore {CANARY}).\n',
            f"invalid input syntax for type json\nDETAIL:  x\nCONTEXT:  JSON data, line 1: {CANARY}...",
            f"ghp_{CANARY} github_pat_{CANARY} glpat-{CANARY}",
            f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----",
            f"-----BEGIN PRIVATE KEY-----\n{CANARY} cut off",
        ],
    )
    def test_hides_what_looks_like_a_secret(self, text: str) -> None:
        assert CANARY not in redact_text(text)
        assert HIDDEN in redact_text(text)

    @pytest.mark.parametrize(
        "text",
        [
            "The agent ended unexpectedly (exit code 1).",
            "GET /api/sessions/0198b2 took 3 s",
            "https://git.example/team/repo.git",
            "sk-etchy names, slow_query_log, token bucket, basic auth",
            "ratio 3:4 at foo@example.com",
            "input_tokens=12345, token_count=17, monkey: business",
            "ssh://git@git.example/x.git",
        ],
    )
    def test_leaves_the_rest(self, text: str) -> None:
        assert redact_text(text) == text

    def test_leaves_what_comes_after_a_quoted_row(self) -> None:
        text = f"DETAIL:  {CANARY}\n\nThe above exception was the direct cause of the following exception:\nrest"

        assert redact_text(text).endswith(":\nrest")
        assert CANARY not in redact_text(text)

    def test_hides_our_own_keys_wherever_they_stand(self, forget: None) -> None:
        redaction.hide([CANARY, "short"])

        assert redact_text(f"x{CANARY}y short") == f"x{HIDDEN}y short"


class TestRedact:
    @pytest.mark.parametrize(
        "name",
        ["authorization", "Cookie", "set-cookie", "x-api-key", "token", "gateway_token", "password", "secret_key"],
    )
    def test_hides_fields_by_their_names(self, name: str) -> None:
        assert redact({"headers": {name: CANARY}}) == {"headers": {name: HIDDEN}}

    def test_keeps_ids_and_numbers(self) -> None:
        line = {"token_id": "0198", "input_tokens": 5, "request_id": "r-1", "has_token": True, "token": ""}
        assert redact(line) == line

    def test_looks_into_lists_bytes_and_objects(self) -> None:
        class Odd:
            def __str__(self) -> str:
                return f"Bearer {CANARY}"

        told = redact({"args": [Odd(), f"Bearer {CANARY}".encode(), (f"Bearer {CANARY}",)]})
        assert told == {"args": [f"Bearer {HIDDEN}", f"Bearer {HIDDEN}", [f"Bearer {HIDDEN}"]]}

    def test_comes_to_an_end(self) -> None:
        loop: dict[str, object] = {}
        loop["again"] = loop
        assert "…" in str(redact(loop))
