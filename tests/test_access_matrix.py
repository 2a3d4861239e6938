"""Every route and socket x every caller x own, foreign and random ids; a route without a line in a table fails.

The routes are read from the running configuration, the expectations from `tests/access/`.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.core.signals import request_finished
from django.db import close_old_connections, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts import services
from accounts.models import ApiToken, Organization, User
from accounts.tenancy import Role, Scope
from config.api import api
from config.asgi import application
from sessions.routing import websocket_urlpatterns
from tests import access, factories
from tests.access.table import Case, Route, Slot, Socket, Tenant
from tests.client import ApiClient, session_key

TABLES = [
    importlib.import_module(f"tests.access.{module.name}")
    for module in pkgutil.iter_modules(access.__path__)
    if module.name != "table"
]
ROUTES: list[Route] = [route for table in TABLES for route in getattr(table, "ROUTES", [])]
SOCKETS: list[Socket] = [socket for table in TABLES for socket in getattr(table, "SOCKETS", [])]
PUBLIC_DOCUMENTS = {"openapi.json", ""}  # what ninja adds by itself
# What clients get wrong, or send to see what happens.
BAD: list[Any] = [
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    " ",
    "x" * 10_000,
    "\u202e-rf",
    "../../x",
    "--upload-pack=x",
    [],
    {},
    [[]],
]

each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
each_socket = pytest.mark.parametrize("socket", SOCKETS, ids=lambda socket: socket.path)


@dataclass
class Caller:
    """Someone who calls: `role` in acme, None for whoever has none, and how to sign in."""

    name: str
    user: User
    role: Role | None = None
    token: str | None = None
    is_refused: bool = False  # bad credentials or none

    @property
    def client(self) -> ApiClient:
        if self.token is not None:
            return ApiClient(token=self.token)
        return ApiClient() if self.is_refused else ApiClient(self.user)

    @property
    def socket_headers(self) -> list[tuple[bytes, bytes]]:
        if self.token is not None:
            return [(b"authorization", f"Bearer {self.token}".encode())]
        own = [(b"origin", settings.BASE_URL.encode())]
        if self.is_refused:
            return own
        return [*own, (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session_key(self.user)}".encode())]

    def may(self, route: Route) -> bool:
        if self.token is not None and route.needs_session:
            return False
        return route.minimum is None or (self.role is not None and self.role.covers(route.minimum))


@dataclass
class Cast:
    """Everybody, with acme and the foreign organisation."""

    acme: Organization
    foreign: Organization
    charlie: User
    callers: list[Caller] = field(default_factory=list)

    @property
    def owner(self) -> Caller:
        return self.callers[0]

    def members(self) -> Iterator[Caller]:
        return (caller for caller in self.callers if caller.role is not None)


@pytest.fixture
def cast(alice: User, ada: User, bob: User, vera: User, charlie: User, organization: Organization) -> Cast:
    theirs = charlie.organizations.get()
    second = factories.make_organization("alice's other one", alice)
    revoked, expired = factories.make_token(alice, organization), factories.make_token(alice, organization)
    ApiToken.objects.filter(prefix=revoked[:12]).update(revoked_at=timezone.now())
    ApiToken.objects.filter(prefix=expired[:12]).update(expires_at=timezone.now())
    callers = [
        Caller("owner", alice, Role.OWNER),
        Caller("admin", ada, Role.ADMIN),
        Caller("member", bob, Role.MEMBER),
        Caller("viewer", vera, Role.VIEWER),
        Caller("READ token", alice, Role.VIEWER, factories.make_token(alice, organization, Scope.READ)),
        Caller("WRITE token", alice, Role.MEMBER, factories.make_token(alice, organization, Scope.WRITE)),
        Caller("ADMIN token of an admin", ada, Role.ADMIN, factories.make_token(ada, organization, Scope.ADMIN)),
        Caller("stranger", charlie),
        Caller("stranger's token", charlie, None, factories.make_token(charlie, theirs, Scope.ADMIN)),
        Caller("token for another organisation", alice, None, factories.make_token(alice, second, Scope.ADMIN)),
        Caller("anonymous", alice, is_refused=True),
        Caller("revoked token", alice, None, revoked, is_refused=True),
        Caller("expired token", alice, None, expired, is_refused=True),
    ]
    return Cast(organization, theirs, charlie, callers)


class TestTables:
    def test_have_a_line_for_every_route(self) -> None:
        assert sorted(api_routes() - {route.key for route in ROUTES}) == []

    def test_have_no_line_without_a_route(self) -> None:
        assert sorted({route.key for route in ROUTES} - api_routes()) == []

    def test_have_no_line_twice(self) -> None:
        assert len({route.key for route in ROUTES}) == len(ROUTES)

    def test_have_a_line_for_every_socket(self) -> None:
        assert {plain(str(pattern.pattern)) for pattern in websocket_urlpatterns} == {one.path for one in SOCKETS}

    def test_name_all_ids_of_a_path(self, cast: Cast) -> None:
        for route in ROUTES:
            with undone():
                case = route.make(Tenant(cast.acme, cast.owner.user))
            assert set(case.params) == set(re.findall(r"{(\w+)}", route.path)), route.key

    def test_know_every_public_route(self) -> None:
        assert {route.path for route in ROUTES if route.is_public} == {"/health", "/ready"}


@each_route
class TestOwnRows:
    def test_open_to_the_role_and_to_nobody_else(self, route: Route, cast: Cast) -> None:
        wrong = []
        for caller in cast.callers:
            case = route.make(Tenant(cast.acme, cast.owner.user if caller.role is None else caller.user))
            with undone():
                status = call(caller.client, route, case).status_code
            if not expected(route, case, caller)(status):
                wrong.append((caller.name, status))

        assert wrong == []

    def test_are_closed_to_all_while_the_organization_is_suspended(self, route: Route, cast: Cast) -> None:
        case = route.make(Tenant(cast.acme, cast.owner.user))
        if not any(case.slots()):
            return
        services.suspend_organizations(ids=[cast.acme.id], now=timezone.now())

        response = call(cast.owner.client, route, case)

        assert response.status_code == 403
        assert "suspended" in response.json()["message"]


@each_route
class TestForeignRows:
    def test_cannot_be_told_from_rows_that_are_not_there(self, route: Route, cast: Cast) -> None:
        foreign = route.make(Tenant(cast.foreign, cast.charlie))
        wrong = []
        for caller in cast.members():
            own = route.make(Tenant(cast.acme, caller.user))
            for slots in swaps(own):
                theirs = own.swapped({slot: foreign.get(slot) for slot in slots})
                nobodys = own.swapped({slot: uuid7() for slot in slots})
                answers = []
                for case in (theirs, nobodys):
                    with undone():
                        answers.append(call(caller.client, route, case))
                if not hidden(route, caller, slots, answers):
                    wrong.append(
                        (caller.name, slots, [(answer.status_code, answer.content[:300]) for answer in answers])
                    )

        assert wrong == []


class TestReads:
    @pytest.mark.parametrize("route", [one for one in ROUTES if one.method == "GET"], ids=lambda route: route.path)
    def test_change_nothing(self, route: Route, cast: Cast) -> None:
        case = route.make(Tenant(cast.acme, cast.owner.user))
        client = cast.owner.client

        with CaptureQueriesContext(connection) as queries:
            call(client, route, case)

        writes = [one["sql"] for one in queries if re.match(r"\s*(INSERT|UPDATE|DELETE)", one["sql"], re.IGNORECASE)]
        assert writes == []


class TestWrites:
    @pytest.mark.parametrize("route", [one for one in ROUTES if one.method != "GET"], ids=lambda one: " ".join(one.key))
    def test_from_another_site_are_refused(self, route: Route, cast: Cast) -> None:
        case = route.make(Tenant(cast.acme, cast.owner.user))
        client = cast.owner.client
        client.headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

        with CaptureQueriesContext(connection) as queries:
            response = client.http.generic(
                route.method, address(route.path, case), encoded(case.body), "text/plain", headers=client.headers
            )

        assert response.status_code == 403
        assert not [one for one in queries if re.match(r"\s*(INSERT|UPDATE|DELETE)", one["sql"], re.IGNORECASE)]


@each_route
class TestHostileValues:
    def test_never_crash_a_route(self, route: Route, cast: Cast) -> None:
        case = route.make(Tenant(cast.acme, cast.owner.user))
        client, crashed = cast.owner.client, []
        attempts = [replace(case, body={**(case.body or {}), name: value}) for name in fields(route) for value in BAD]
        attempts += [replace(case, query={**case.query, name: value}) for name in queries_of(route) for value in BAD]

        for attempt in attempts:
            with undone():
                response = call(client, route, attempt)
            if response.status_code >= 500 or len(response.content if not response.streaming else b"") > 100_000:
                crashed.append((response.status_code, str(attempt)[:300]))

        assert crashed == []

    def test_with_nul_or_lone_surrogates_are_a_400(self, route: Route, cast: Cast) -> None:
        case = route.make(Tenant(cast.acme, cast.owner.user))

        for name in fields(route):
            for value in ("a\x00b", "\ud800"):
                response = call(cast.owner.client, route, replace(case, body={**(case.body or {}), name: value}))
                assert response.status_code == 400, (name, value)


@each_socket
class TestSockets:
    def test_open_to_the_role_and_to_nobody_else(self, socket: Socket, cast: Cast) -> None:
        wrong = []
        for caller in cast.callers:
            case = socket.make(Tenant(cast.acme, cast.owner.user))
            path = socket.path.format(**case.params)
            seen = opened(path, caller.socket_headers)
            if caller.is_refused:
                wanted = 4401
            elif caller.role is None:
                wanted = 4404
            else:
                wanted = 0 if caller.role.covers(socket.minimum) else 4403
            if seen != wanted:
                wrong.append((caller.name, seen))

        assert wrong == []

    def test_hide_foreign_rows(self, socket: Socket, cast: Cast) -> None:
        foreign = socket.make(Tenant(cast.foreign, cast.charlie))
        nobodys = foreign.swapped({slot: uuid7() for slot in foreign.slots()})

        for case in (foreign, nobodys):
            path = socket.path.format(**case.params)
            assert opened(path, cast.owner.socket_headers) == 4404

    def test_refuse_other_origins(self, socket: Socket, cast: Cast) -> None:
        path = socket.path.format(**socket.make(Tenant(cast.acme, cast.owner.user)).params)
        cookie = cast.owner.socket_headers[1]

        for origin in (b"https://evil.example", b"null", settings.BASE_URL.encode() + b".evil.example", None):
            headers = [cookie] if origin is None else [(b"origin", origin), cookie]
            assert opened(path, headers) is None


def expected(route: Route, case: Case, caller: Caller) -> Callable[[int], bool]:
    """Which statuses are right for a caller who names rows of acme."""
    if route.is_public:
        return lambda status: status in route.allowed
    if caller.is_refused:
        return lambda status: status == 401
    if caller.role is None and any(case.slots()):
        return lambda status: status == 404
    if caller.role is None and route.needs_session and caller.token is not None:
        return lambda status: status == 403
    if caller.role is None or caller.may(route):
        return lambda status: status in route.allowed
    return lambda status: status == 403


def hidden(route: Route, caller: Caller, slots: list[Slot], answers: list[Any]) -> bool:
    """Whether the answers for a foreign and for a random id are one and the same refusal."""
    theirs, nobodys = answers
    if (theirs.status_code, told(theirs)) != (nobodys.status_code, told(nobodys)):
        return False
    if any(part == "params" for part, _ in slots):
        return bool(theirs.status_code == 404)
    return theirs.status_code in ((400, 403, 404) if not caller.may(route) else (400, 404))


def swaps(case: Case) -> list[list[Slot]]:
    """All ids at once, and each one alone."""
    slots = list(case.slots())
    return [slots, *([slot] for slot in slots if len(slots) > 1)] if slots else []


def described(route: Route) -> dict[str, Any]:
    """The route in the OpenAPI document."""
    paths: dict[str, Any] = api.get_openapi_schema()["paths"]
    operation: dict[str, Any] = paths.get(f"/api{route.path}", {}).get(route.method.lower(), {})
    return operation


def fields(route: Route) -> list[str]:
    """The fields of the route's JSON body."""
    content = described(route).get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(api.get_openapi_schema()["components"]["schemas"].get(name, {}).get("properties", {}))


def queries_of(route: Route) -> list[str]:
    return [one["name"] for one in described(route).get("parameters", []) if one["in"] == "query"]


def call(client: ApiClient, route: Route, case: Case) -> Any:
    path = address(route.path, case)
    if case.form is not None and case.body is None:
        response = client.http.post(path, case.form, headers=client.headers)
    else:
        response = client.http.generic(
            route.method, path, encoded(case.body), "application/json", headers=client.headers
        )
    if response.streaming:
        # The end of a request closes the database connection, which is the test's own here.
        request_finished.disconnect(close_old_connections)
        response.close()
        request_finished.connect(close_old_connections)
    return response


def address(path: str, case: Case) -> str:
    return f"/api{path.format(**case.params)}" + (f"?{urlencode(case.query)}" if case.query else "")


def encoded(body: dict[str, Any] | None) -> bytes:
    return b"" if body is None else json.dumps(body, default=str).encode()


def told(response: Any) -> tuple[Any, ...]:
    """All that a client can tell two answers apart by, save the request's own id."""
    if response.streaming:
        return ("a stream",)
    body = json.loads(response.content) if response.content else {}
    body.pop("request_id", None)
    volatile = ("X-Request-ID", "Content-Security-Policy")  # the latter has a nonce
    return json.dumps(body), sorted(item for item in response.items() if item[0] not in volatile)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever the request wrote is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def plain(pattern: str) -> str:
    """`orgs/<uuid:id>` as `/orgs/{id}`."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", pattern).lstrip("/")


def api_routes() -> set[tuple[str, str]]:
    """Method and path of everything under `/api/`, from the URL configuration itself."""
    methods: dict[str, set[str]] = {}
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            key = plain(re.sub(r"[{}]", lambda found: "<" if found[0] == "{" else ">", f"{router.prefix}{path}"))
            methods.setdefault(key, set()).update(method for one in view.operations for method in one.methods)
    found = set()
    for pattern in api_patterns():
        key = plain(str(pattern.pattern))
        # A view that is not ninja's own takes any method; one line, as GET, covers it.
        found |= {(method, key) for method in methods.get(key, {"GET"})}
    return found


def api_patterns() -> Iterator[URLPattern | URLResolver]:
    from config.urls import urlpatterns

    for entry in urlpatterns:
        if not str(entry.pattern).startswith("api/"):
            continue
        inner: list[URLPattern | URLResolver] = entry.url_patterns if isinstance(entry, URLResolver) else [entry]
        for pattern in inner:
            if str(pattern.pattern) not in PUBLIC_DOCUMENTS:
                yield pattern


@async_to_sync
async def opened(path: str, headers: list[tuple[bytes, bytes]]) -> int | None:
    """0 when the socket opens and speaks, the close code when it is closed, None when the handshake is refused."""
    communicator = WebsocketCommunicator(application, path, headers)
    connected, code = await communicator.connect(timeout=5)
    if not connected:
        return code if code and code >= 4000 else None
    first = await communicator.receive_output(timeout=5)
    await communicator.disconnect()
    return int(first["code"]) if first["type"] == "websocket.close" else 0
