"""Who may read the metrics, what they say, and what a whole server says while its database is away."""

from __future__ import annotations

import contextlib
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Organization
from config.observability import metrics
from config.observability.figures import figures
from environments.models import Environment, Machine, MachineStatus
from sessions.models import JobStatus, SessionStatus
from tests.config.deployment import Deployment, eventually
from tests.config.test_serve import free_address
from tests.sessions import rows

LOOPBACK = ("127.0.0.1", 4242)


async def ask(
    path: str = "/metrics", *, client: tuple[str, int] | None = LOOPBACK, method: str = "GET", **headers: str
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent = {"host": "127.0.0.1:8470", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "client": client}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in sent.items()]
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    await metrics.application(scope, receive, send)
    return messages[0]["status"], dict(messages[0]["headers"]), messages[1]["body"]


@pytest.fixture
def no_token(settings: Any, db: None) -> None:
    settings.METRICS_TOKEN = ""


@pytest.fixture
def token(settings: Any, db: None) -> str:
    settings.METRICS_TOKEN = "a-token-of-sixteen"
    return "a-token-of-sixteen"


class TestWithoutToken:
    @pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
    async def test_this_machine_may_read(self, no_token: None, client: str) -> None:
        assert (await ask(client=(client, 1)))[0] == 200

    @pytest.mark.parametrize("client", [("10.0.0.7", 1), ("2001:db8::1", 1), ("", 0), None])
    async def test_others_find_nothing(self, no_token: None, client: tuple[str, int] | None) -> None:
        assert (await ask(client=client))[0] == 404

    @pytest.mark.parametrize(
        "header", ["x_forwarded_for", "x_forwarded_proto", "forwarded", "x_real_ip", "via", "x_request_id"]
    )
    async def test_a_proxy_on_this_machine_opens_nothing(self, no_token: None, header: str) -> None:
        proxied: dict[str, Any] = {header: "127.0.0.1"}
        assert (await ask(**proxied))[0] == 404

    @pytest.mark.parametrize("host", ["slipway.example", "127.0.0.1.evil.example", "", "[::1", "@localhost@evil"])
    async def test_a_name_that_is_not_of_this_machine_opens_nothing(self, no_token: None, host: str) -> None:
        assert (await ask(host=host))[0] == 404


class TestWithToken:
    async def test_its_holder_may_read_from_anywhere(self, token: str) -> None:
        assert (await ask(client=("10.0.0.7", 1), authorization=f"Bearer {token}"))[0] == 200

    @pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer a-token-of-sixteem", "a-token-of-sixteen", "Basic x"])
    async def test_nobody_else_may_not_even_here(self, token: str, sent: str) -> None:
        status, headers, body = await ask(authorization=sent)

        assert (status, headers[b"www-authenticate"], body.strip()) == (401, b"Bearer", b"")


class TestOtherRequests:
    async def test_only_reading_is_offered(self, no_token: None) -> None:
        assert (await ask(method="POST"))[0] == 405

    async def test_health_is_for_everybody(self, token: str) -> None:
        status, _, body = await ask("/health", client=("10.0.0.7", 1))
        assert (status, json.loads(body)["status"]) == (200, "ok")

    async def test_ready_is_for_everybody(self, token: str) -> None:
        status, _, body = await ask("/ready", client=("10.0.0.7", 1))
        assert (status, json.loads(body)["checks"]["database"]) == (200, "ok")

    async def test_unknown_paths_are_not_found(self, no_token: None) -> None:
        assert (await ask("/api/me"))[0] == 404


class TestFigures:
    def test_count_by_state(self, organization: Organization) -> None:
        session = rows.make_session(organization, status=SessionStatus.RUNNING)
        rows.make_job(session)
        rows.make_job(session, status=JobStatus.PROCESSING)
        rows.make_permission(session)
        environment = Environment.objects.filter(organization=organization).first()
        assert environment is not None
        Machine.objects.create(organization=organization, environment=environment, status=MachineStatus.RUNNING)

        found = figures()

        assert found.jobs == {"waiting": 1, "admitted": 0, "running": 1}
        assert (found.sessions["RUNNING"], found.sessions["STOPPED"]) == (1, 0)
        assert (found.machines["RUNNING"], found.permissions, found.workers) == (1, 1, 0)
        assert found.oldest_waiting_s >= 0

    def test_take_a_fixed_number_of_queries(
        self, organization: Organization, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(3):
            rows.make_job(rows.make_session(organization))

        with django_assert_max_num_queries(14):
            figures()


def get(address: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            told = {name.lower(): value for name, value in response.getheaders()}
            return response.status, told, response.read().decode()


def sample(text: str, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name == name and labels.items() <= one.labels.items():
                return one.value
    return None


class TestWholeServer:
    def test_web_and_worker_tell_what_they_do(self, deployment: Deployment) -> None:
        web, watch = free_address(), free_address()
        deployment.serve("--no-worker", SLIPWAY_LISTEN=web, SLIPWAY_BASE_URL=f"http://{web}")
        deployment.serve("--no-web", SLIPWAY_METRICS_LISTEN=watch, REDIS_URL="redis://127.0.0.1:1")
        get(web, "/api/health")
        get(web, "/api/sessions/01890000-0000-7000-8000-000000000000")

        _, _, text = get(web, "/metrics")
        _, _, worker = get(watch, "/metrics")

        route = "/api/sessions/<uuidstr:session_id>"
        assert sample(text, "slipway_http_requests_total", route=route, status="4xx") == 1
        assert sample(text, "slipway_http_request_seconds_count", route="/api/health") == 1
        assert sample(text, "slipway_info", role="web") == 1
        assert sample(worker, "slipway_info", role="worker") == 1
        assert sample(worker, "slipway_database_up") == 1
        assert eventually(lambda: sample(get(watch, "/metrics")[2], "slipway_workers") == 1)
        assert json.loads(get(watch, "/ready")[2])["checks"]["channels"] == "degraded"

    def test_every_answer_is_503_while_the_database_is_away_and_none_after(self, deployment: Deployment) -> None:
        address = free_address()
        deployment.serve("--no-worker", SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
        assert get(address, "/api/ready")[0] == 200
        cookie = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}
        bearer = {"Authorization": f"Bearer slp_AAAAAAAA_{'B' * 43}"}
        wanted: list[tuple[str, dict[str, str]]] = [
            ("/api/ready", {}),
            ("/api/me", bearer),
            ("/api/me", cookie),
            ("/api/sessions", bearer),
        ]

        deployment.stop_database()
        try:
            with ThreadPoolExecutor(len(wanted)) as threads:  # each takes as long as a connection is waited for
                answers = list(threads.map(lambda asked: get(address, asked[0], **asked[1]), wanted))
            for (path, _), (status, told, body) in zip(wanted, answers, strict=True):
                assert (path, status) == (path, 503)
                assert int(told["retry-after"]) >= 1
                assert json.loads(body)["error"] == "unavailable"
                assert json.loads(body)["request_id"] == told["x-request-id"]
                assert "socket" not in body
            assert get(address, "/api/health")[0] == 200
            status, told, body = get(address, "/", **cookie)
            assert (status, told["refresh"]) == (503, told["retry-after"])  # a page loads itself again
            assert "database is not responding" in body
            assert sample(get(address, "/metrics")[2], "slipway_database_up") == 0
        finally:
            deployment.start_database()

        assert eventually(lambda: get(address, "/api/ready")[0] == 200, 40)
        assert get(address, "/api/me", **bearer)[0] == 401
