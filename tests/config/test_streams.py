"""Streams under the real server: however many are open, the database and the other requests stay free."""

from __future__ import annotations

import contextlib
import json
import socket
import time

from tests.config.deployment import PATIENCE_S, Deployment
from tests.config.test_serve import free_address, get

POOL = 4
STREAMS = 12
SEED = """
import json
from accounts.tenancy import Scope
from tests import factories
from tests.sessions import rows
user = factories.make_user("alice@example.com", "Alice")
organization = factories.make_organization("acme", user)
session = rows.make_session(organization)
print(json.dumps({"token": factories.make_token(user, organization, Scope.READ), "session": str(session.pk)}))
"""


class TestOpenStreams:
    def test_hold_no_database_connection(self, deployment: Deployment) -> None:
        seeded = deployment.manage("shell", "-v", "0", "-c", SEED)
        seed = json.loads(seeded.stdout.strip().splitlines()[-1]) if seeded.returncode == 0 else None
        assert seed, seeded.stderr
        address = free_address()
        host, _, port = address.rpartition(":")
        extra = {"SLIPWAY_BASE_URL": f"http://{address}", "SLIPWAY_DATABASE_POOL": str(POOL)}
        deployment.serve("--no-worker", SLIPWAY_LISTEN=address, **extra)
        request = f"GET /api/sessions/{seed['session']}/stream HTTP/1.1\r\nHost: {address}\r\n"
        request += f"Authorization: Bearer {seed['token']}\r\n\r\n"

        with contextlib.ExitStack() as stack:
            for _ in range(STREAMS):
                stream = stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
                stream.sendall(request.encode())
                assert stream.recv(4096).startswith(b"HTTP/1.1 200")
            time.sleep(2)  # polls of all of them have passed

            assert get(address, "/api/ready") == 200
            statement = (
                "select count(*) from pg_stat_activity where usename = 'slipway' and state = 'idle in transaction'"
            )
            assert deployment.query(statement) == [(0,)]
