"""A person without a browser: signs up over HTTP with the code from the mail, and makes an API token."""

from __future__ import annotations

import http.client
import http.cookiejar
import ipaddress
import itertools
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.journeys.patience import AWAY, IS_CHAOS, NO_ANSWER, PATIENCE, PAUSE_S, TRIES, key_of, tries
from tests.journeys.server import Server

PASSWORD = "correct-horse-battery"
LIMIT_PAUSES, LIMIT_PAUSE_S = 15, 5
FIRST_ADDRESS = ipaddress.ip_address("127.1.0.1")
_numbers = itertools.count()
CODE = r"[A-Z0-9]{3,}(?:-[A-Z0-9]{3,})?"
TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class _FromHome(urllib.request.HTTPHandler):
    """Each person has an address of their own, for so many people at one would meet the limit on sign-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.address = str(FIRST_ADDRESS + next(_numbers))

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPConnection, req, source_address=(self.address, 0))


class Person:
    """One cookie jar at one server."""

    def __init__(self, server: Server, email: str) -> None:
        self.server, self.email = server, email
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), _FromHome())

    def sign_up(self) -> None:
        """Sign up and verify the address; ends signed in. Where servers die it may take another address."""
        for number in tries():
            try:
                return self._sign_up()
            except (AssertionError, *NO_ANSWER):
                if number + 1 == TRIES:
                    raise
            self.email = f"again{number}-{self.email}"
            self.jar.clear()

    def _sign_up(self) -> None:
        seen = len(self.server.log_path.read_text())
        self._submit("/accounts/signup/", {"email": self.email, "password1": PASSWORD})
        self._submit("/accounts/confirm-email/", {"code": self._code(seen)})
        self.call("GET", "/api/me")  # an answer that was lost has signed nobody in

    @property
    def csrf(self) -> str:
        """What a page of ours sends with each write."""
        return next((cookie.value for cookie in self.jar if cookie.name.endswith("csrftoken")), "") or ""

    def sign_out(self) -> None:
        """End the browser session, in every browser that shares it."""
        self._submit("/accounts/logout/", {})

    def make_token(self, *scopes: str) -> str:
        """The text of a new API token for the person's own organisation."""
        organization = self.call("GET", "/api/me")["organizations"][0]["id"]
        body = {"organization_id": organization, "name": "journey", "scopes": scopes or ("READ", "WRITE")}
        return str(self.call("POST", "/api/tokens", body)["token"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "X-CSRFToken": self.csrf, "Origin": self.server.url}
        headers |= key_of(method, path, body)
        request = urllib.request.Request(self.server.url + path, data, headers, method=method)
        for number in tries():
            try:
                with self.opener.open(request, timeout=20) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                error.close()
                if method == "DELETE" and error.code == 404 and number:
                    return None  # the try before, whose answer was lost
                if error.code < 500 or number + 1 == TRIES:
                    raise
            except NO_ANSWER:
                if number + 1 == TRIES:
                    raise
        raise AssertionError("not tried")

    def _submit(self, path: str, fields: dict[str, str]) -> str:
        page = self._read(path)
        found = TOKEN_FIELD.search(page)
        assert found, page
        form = {**fields, "csrfmiddlewaretoken": found.group(1)}
        return self._read(path, urllib.parse.urlencode(form).encode())

    def _read(self, path: str, data: bytes | None = None) -> str:
        """The page; when the server has seen too many sign-ups of late, or is away, it is asked again."""
        request = urllib.request.Request(self.server.url + path, data, {"Origin": self.server.url})
        for _ in range(LIMIT_PAUSES):
            try:
                with self.opener.open(request, timeout=20) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 429 and not (IS_CHAOS and error.code in AWAY):
                    raise
                time.sleep(LIMIT_PAUSE_S if error.code == 429 else PAUSE_S)
        raise AssertionError(f"{path} is still limited")

    def _code(self, seen: int) -> str:
        """The code in the mail to this address, which the embedded deployment prints to its console."""
        mail = re.compile(rf"^To: {re.escape(self.email)}$.*?^({CODE})\s*$", re.M | re.S)
        deadline = time.monotonic() + 10 * PATIENCE
        while time.monotonic() < deadline:
            found = mail.search(self.server.log_path.read_text()[seen:])
            if found:
                return found.group(1)
            time.sleep(0.1)
        raise AssertionError("no code was mailed:\n" + self.server.log_path.read_text()[seen:])
