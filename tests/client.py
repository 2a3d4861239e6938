"""An HTTP client that speaks JSON as one of the cast, with a real session or a real bearer token."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from accounts.models import User

CSRF = "c" * 32


class ApiClient:
    """`get`, `post`, `put`, `patch`, `delete` below `/api`; CSRF is enforced and satisfied as a browser does it."""

    def __init__(self, user: User | None = None, *, token: str | None = None) -> None:
        self.http = Client(enforce_csrf_checks=True)
        self.headers: dict[str, str] = {}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        elif user is not None:
            self.headers["X-CSRFToken"] = CSRF
            self.http.cookies[settings.CSRF_COOKIE_NAME] = CSRF
            self.http.cookies[settings.SESSION_COOKIE_NAME] = session_key(user)

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(f"/api{path}", query, headers=self.headers)

    def post(self, path: str, body: object = None) -> Any:
        return self.send("POST", path, body)

    def put(self, path: str, body: object = None) -> Any:
        return self.send("PUT", path, body)

    def patch(self, path: str, body: object = None) -> Any:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path, None)

    def send(self, method: str, path: str, body: object = None) -> Any:
        """One request; `body` goes as JSON, bytes as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.http.generic(method, f"/api{path}", data, "application/json", headers=self.headers)

    def upload(self, path: str, **fields: Any) -> Any:
        """A multipart POST; open files among the fields are uploaded."""
        return self.http.post(f"/api{path}", fields, headers=self.headers)


def session_key(user: User) -> str:
    """A signed-in browser session, without what a sign-in does besides."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)
