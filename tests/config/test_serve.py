"""`manage.py serve` as an operator runs it."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from pytest_django.fixtures import Settings

from config import postgres, serving
from config.management.commands import serve
from tests.config.deployment import PATIENCE_S, Deployment, eventually

PAGE = "/accounts/login/"


def free_address() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def get(address: str, path: str) -> int:
    """The status of an answer to somebody whose cookie must be looked up."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=PATIENCE_S)) as connection:
        connection.request("GET", path, headers={"Cookie": "sessionid=" + "x" * 32})
        with connection.getresponse() as response:
            response.read()
            return response.status


class TestWholeServer:
    def test_answers_works_and_leaves(self, deployment: Deployment) -> None:
        address = free_address()
        process = deployment.serve(SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
        assert get(address, "/api/ready") == 200
        assert eventually(lambda: deployment.query("select count(*) from procrastinate_workers") == [(1,)])

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    def test_gateway_socket_never_reaches_django(self, deployment: Deployment) -> None:
        deployment.serve("--no-worker")
        path = deployment.folder / "run" / "gateway" / "api.sock"
        assert eventually(path.exists)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(b"GET /api/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 404")
        assert b"not_found_error" in answer

    def test_an_open_page_survives_a_terminated_database_connection(self, deployment: Deployment) -> None:
        address = free_address()
        deployment.serve("--no-worker", SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
        assert get(address, "/api/ready") == 200
        with psycopg.connect(deployment.place.dsn("postgres", "postgres"), autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'slipway'")
        assert eventually(lambda: get(address, "/api/ready") == 200)


class TestStaticFiles:
    def test_are_collected_once_by_servers_that_start_together(
        self, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.STATIC_ROOT = tmp_path / "static"
        collected = []

        def collect(name: str, **options: object) -> None:
            collected.append(name)
            time.sleep(0.1)
            settings.STATIC_ROOT.mkdir(exist_ok=True)
            (settings.STATIC_ROOT / "staticfiles.json").write_text("{}")

        monkeypatch.setattr(serve, "call_command", collect)
        with ThreadPoolExecutor(4) as starting:
            for done in [starting.submit(serve.Command()._collect_static) for _ in range(4)]:
                done.result()

        assert collected == ["collectstatic"]


class TestShareOfTheCores:
    def test_is_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (group := tmp_path / "autogroup").touch()
        monkeypatch.setattr(serving, "OWN_GROUP", group)

        serving._ask_for_cores()

        assert group.read_text() == serving.SHARE

    def test_is_done_without_where_it_cannot_be_had(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "OWN_GROUP", tmp_path / "nowhere" / "autogroup")

        serving._ask_for_cores()

        assert not list(tmp_path.iterdir())


class TestOutage:
    def test_leaves_no_dead_connections_for_later_requests_to_find(self, deployment: Deployment) -> None:
        address = free_address()
        deployment.serve("--no-worker", SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
        held = "select count(*) from pg_stat_activity where usename = 'slipway' and pid <> pg_backend_pid()"
        with ThreadPoolExecutor(12) as pool:
            assert eventually(
                lambda: list(pool.map(lambda _: get(address, PAGE), range(48))) and deployment.query(held)[0][0] >= 4
            )
        with psycopg.connect(deployment.place.dsn("postgres", "postgres"), autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'slipway'")

        first = get(address, PAGE)
        time.sleep(1)
        assert first in (200, 503)
        assert {get(address, PAGE) for _ in range(30)} == {200}, deployment.logs()


class TestLeaving:
    def test_does_not_wait_for_requests_that_hang_in_the_database(self, deployment: Deployment) -> None:
        address = free_address()
        process = deployment.serve(SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
        with psycopg.connect(deployment.place.dsn()) as other, contextlib.ExitStack() as stack:
            other.execute("lock table django_session in access exclusive mode")
            for _ in range(8):
                connection = stack.enter_context(contextlib.closing(http.client.HTTPConnection(address, timeout=60)))
                connection.request("GET", "/", headers={"Cookie": "sessionid=" + "x" * 32})
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            assert eventually(lambda: deployment.query(waiting)[0][0] >= 1), deployment.logs()

            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0  # the lock is held all the while


class TestRefusals:
    def test_nothing_to_do(self, deployment: Deployment) -> None:
        done = deployment.manage("serve", "--no-web", "--no-worker")
        assert done.returncode == 1
        assert "nothing to do" in done.stderr

    def test_an_unmigrated_database_of_somebody_else(self, deployment: Deployment) -> None:
        with psycopg.connect(deployment.place.dsn("postgres", "postgres"), autocommit=True) as admin:
            admin.execute("create database fresh owner slipway")
        address = deployment.environment["DATABASE_URL"].replace("/slipway?", "/fresh?")
        done = deployment.manage("serve", DATABASE_URL=address)
        assert done.returncode == 1
        assert "manage.py migrate" in done.stderr


class TestANewerDatabase:
    """In the middle of a rolling upgrade the schema is already the next version's."""

    def test_serves_the_old_code_which_says_so(self, deployment: Deployment) -> None:
        newer = [
            "alter table accounts_user add column favourite text not null default ''",
            "create table accounts_future (id bigint primary key)",
            "insert into django_migrations (app, name, applied) values ('accounts', '0999_future', now())",
        ]
        back = [
            "delete from django_migrations where name = '0999_future'",
            "drop table accounts_future",
            "alter table accounts_user drop column favourite",
        ]
        address = free_address()
        with psycopg.connect(deployment.place.dsn(), autocommit=True) as database:
            for statement in newer:
                database.execute(statement.encode())
            try:
                deployment.serve(SLIPWAY_LISTEN=address, SLIPWAY_BASE_URL=f"http://{address}")
                assert get(address, "/api/ready") == 200
                code = "from tests import factories; factories.make_user('future@example.com', 'Future')"
                made = deployment.manage("shell", "-v", "0", "-c", code)
            finally:
                for statement in back:
                    database.execute(statement.encode())

        assert made.returncode == 0, made.stderr
        assert "database_is_newer" in deployment.logs()
        assert "accounts.0999_future" in deployment.logs()


class TestEmbeddedDatabase:
    def test_is_migrated_revived_and_stopped(self, deployment: Deployment) -> None:
        folder = deployment.folder / "embedded"
        here = postgres.place(folder)
        address = free_address()
        try:
            process = deployment.serve(
                DATABASE_URL="",
                SLIPWAY_DATA_DIR=str(folder),
                SLIPWAY_LISTEN=address,
                SLIPWAY_BASE_URL=f"http://{address}",
            )
            assert get(address, "/api/ready") == 200

            os.kill(int((here.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            time.sleep(0.5)
            assert eventually(lambda: get(address, "/api/ready") == 200), deployment.logs()

            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
            assert not (here.data / "postmaster.pid").exists()
        finally:
            deployment.stop_processes()
            shutil.rmtree(here.root, ignore_errors=True)
