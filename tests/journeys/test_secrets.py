"""No secret is where it should not be: an agent that looks everywhere, and a sweep of all that is kept and shown."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import secrets
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.curl import Curl, allow_all_until_done, events_of, first_project, first_session, wait_for
from tests.journeys.person import PASSWORD, Person
from tests.journeys.server import CANARY, IN_FULL, Server, running
from tests.journeys.vendor import Vendor, serving
from tests.journeys.wire import bearer, cookies, dump, query, request, socket, stream, until

pytestmark = [pytest.mark.cli, pytest.mark.timeout(180)]

KEY = "sk-ant-canary-" + secrets.token_hex(16)
CONTROL = "canary-in-the-sandbox-itself-" + secrets.token_hex(8)  # what the probe must find
FOREIGN = "canary-of-charlie-" + secrets.token_hex(8)
PROBE = Path(__file__).with_name("probe.py")
BYPASS = {"permission_mode": "bypassPermissions"}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with serving() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def keyed(vendor: Vendor) -> Iterator[Server]:
    """A server with a key of its own, for which agents look in what it was started with."""
    settings = {"SLIPWAY_ANTHROPIC_API_KEY": KEY, "SLIPWAY_ANTHROPIC_BASE_URL": vendor.url}
    with running(None, **IN_FULL, **settings, SLIPWAY_PRACTICE_SCRIPTS="1") as made:
        yield made


def member(server: Server, name: str) -> Person:
    someone = Person(server, f"{name}{uuid.uuid4().hex[:6]}@example.com")
    someone.sign_up()
    return someone


def run(command: str) -> str:
    step = {"tool": "Bash", "input": {"command": command, "timeout": 60_000}}
    script = base64.b64encode(json.dumps([step, {"text": "looked"}]).encode()).decode()
    return f"<<<b64:{script}>>>"


def printed(curl: Curl, session_id: str) -> str:
    results = [e["payload"] for e in events_of(curl, session_id) if e["kind"] == "tool.result"]
    return str(results[-1]["text"])


@dataclass
class Told:
    """All that alice was shown by every way, and where the two sessions are."""

    alice: Curl
    session_id: str
    charlies_session_id: str
    charlies_token: str
    probe: str
    shown: str
    own_token: str  # the sandbox's, as the agent saw it


@pytest.fixture(scope="module")
def told(keyed: Server) -> Told:
    charlie, alice = member(keyed, "charlie"), member(keyed, "alice")
    charlies = Curl(keyed, charlie.make_token())
    theirs = first_session(
        charlies, first_project(charlies), run(f"echo {FOREIGN} > secret.txt; echo {FOREIGN}"), **BYPASS
    )
    allow_all_until_done(charlies, theirs["id"])
    curl = Curl(keyed, alice.make_token())
    session = first_session(curl, first_project(curl), "hello", **BYPASS)
    allow_all_until_done(curl, session["id"])
    secrets_ = [CONTROL, KEY, CANARY, FOREIGN, charlies.token, curl.token, *kept_secrets(keyed)]
    # Each byte as [x]: the pattern does not match its own text.
    patterns = ["".join(f"[{c}]" if c.isalnum() else re.escape(c) for c in text).encode().hex() for text in secrets_]
    text = base64.b64encode(PROBE.read_bytes()).decode()
    prepare = f"echo {CONTROL} > ~/control; echo {text} | base64 -d > /tmp/probe.py"
    command = f"{prepare}; python3 /tmp/probe.py {' '.join(patterns)} {keyed.port}"
    with (
        socket(keyed, session["id"], **cookies(alice)) as ws,
        stream(keyed, session["id"], **bearer(curl.token)) as sse,
    ):
        curl.call("POST", f"/sessions/{session['id']}/messages", {"text": run(command)})
        done = allow_all_until_done(curl, session["id"], jobs_ended=2)
        until(lambda: all(line.events()[-1]["seq"] == done["last_seq"] for line in (ws, sse)), 10, "the end")
    looked = printed(curl, session["id"])
    curl.call(
        "POST", f"/sessions/{session['id']}/messages", {"text": run('printf %s "$ANTHROPIC_API_KEY" | base64 -w0')}
    )
    allow_all_until_done(curl, session["id"], jobs_ended=3)
    own_token = base64.b64decode(printed(curl, session["id"])).decode()
    shown = json.dumps([ws.frames, sse.frames, all_answers(curl, session)])
    return Told(curl, session["id"], theirs["id"], charlies.token, looked, shown, own_token)


def kept_secrets(server: Server) -> list[str]:
    return [path.read_text() for path in sorted((server.data_dir / "keys").iterdir())]


def all_answers(curl: Curl, session: dict[str, Any]) -> list[Any]:
    paths = ["/me", "/orgs", "/projects", "/sessions", "/environments", "/models?organization_id={organization_id}"]
    paths += ["/orgs/{organization_id}", "/orgs/{organization_id}/usage", "/orgs/{organization_id}/members"]
    paths += [f"/sessions/{{id}}{part}" for part in ("", "/messages", "/events", "/diff", "/checkpoints")]
    paths += ["/projects/{project_id}", "/projects/{project_id}/sessions", "/environments/{environment_id}/status"]
    return [curl.call("GET", path.format(**session)) for path in paths]


class TestAnAgentThatLooksEverywhere:
    def test_finds_no_secret(self, told: Told) -> None:
        found = [line for line in told.probe.splitlines() if line.startswith("FOUND")]
        assert "FOUND 0 /home/agent/control" in found
        assert [line for line in found if not line.startswith("FOUND 0 ")] == []
        assert int(re.findall(r"SEEN (\d+) files", told.probe)[0]) > 50

    def test_finds_one_socket(self, told: Told) -> None:
        """Besides those that the CLI itself makes."""
        paths = re.findall(r"'([^']+)'", told.probe.partition("SOCKETS")[2].partition("\n")[0])
        assert [path for path in paths if not path.startswith("/tmp/cc-")] == ["/run/slipway/gateway/api.sock"]

    def test_reaches_nobody(self, told: Told) -> None:
        assert "CONNECTED" not in told.probe
        assert told.probe.count("CLOSED") == 3

    def test_gets_nothing_but_model_calls_by_its_socket(self, told: Told) -> None:
        asked = re.findall(r"ASKED (\S+) HTTP/1.1 (\d+)", told.probe)
        assert len(asked) == 5
        assert {status for _, status in asked} <= {"400", "403", "404", "405"}, asked


class TestTheSandboxsToken:
    def test_opens_nothing_but_model_calls(self, keyed: Server, told: Told) -> None:
        assert told.own_token.startswith("slpg_")
        for path in ("/api/me", "/api/sessions", f"/api/sessions/{told.session_id}"):
            assert request(keyed, "GET", path, **bearer(told.own_token)).status == 401
        with socket(keyed, told.session_id, **bearer(told.own_token)) as line:
            assert line.is_over.wait(10)
            assert line.frames == []

    def test_is_dead_once_the_session_is_stopped(self, keyed: Server, told: Told) -> None:
        body = {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]}
        path, headers = "/gateway/anthropic/v1/messages", {"x-api-key": told.own_token}
        assert request(keyed, "POST", path, body, **headers).status == 200

        told.alice.call("POST", f"/sessions/{told.session_id}/stop")
        wait_for(lambda: told.alice.call("GET", f"/sessions/{told.session_id}")["status"] == "STOPPED")

        assert request(keyed, "POST", path, body, **headers).status == 401


class TestTheKey:
    def test_reaches_the_vendor_alone_and_in_one_header(self, vendor: Vendor, told: Told) -> None:
        assert vendor.seen
        for headers in vendor.seen:
            assert headers.pop("x-api-key") == KEY
            assert "authorization" not in headers
            assert not {name for name, value in headers.items() if KEY in value or "slpg_" in value}
        assert not any(KEY.encode() in body or told.own_token.encode() in body for body in vendor.bodies)


class TestWhatOperatorsSee:
    def test_has_no_word_of_a_tenant_in_metrics_readiness_or_reports(self, keyed: Server, told: Told) -> None:
        """Prompts and output are for the session alone; ids are what leads to them."""
        metrics = request(keyed, "GET", "/metrics").body.decode()
        ready = request(keyed, "GET", "/api/ready").body.decode()
        reports = json.dumps(query(keyed, "select * from config_errorreport"), default=str)
        logs = keyed.log_path.read_text()
        assert "slipway_events_total" in metrics
        assert '"checks"' in ready

        private = [KEY, CANARY, FOREIGN, PASSWORD, told.own_token, told.alice.token, told.charlies_token]
        private += [told.session_id, told.charlies_session_id, str(told.alice.call("GET", "/orgs")["items"][0]["id"])]
        for word in [*private, *kept_secrets(keyed), str(keyed.data_dir)]:
            assert word not in metrics
            assert word not in ready
        for word in (KEY, CANARY, FOREIGN, PASSWORD, told.own_token, told.alice.token, *kept_secrets(keyed)):
            assert word not in reports
            assert word not in logs

    def test_has_no_word_of_another_tenant_in_titles_rules_or_images(self, keyed: Server, told: Told) -> None:
        """Of all rows with an organisation, those with the word are charlie's."""
        ((owner,),) = query(
            keyed,
            "select organization_id::text from agent_sessions_agentsession where id = %s",
            told.charlies_session_id,
        )
        for table in ("agentsession", "message", "permissionrequest", "permissionrule", "attachment", "event"):
            rows = query(
                keyed,
                f"select distinct organization_id::text from agent_sessions_{table} row where row::text like %s",
                f"%{FOREIGN}%",
            )
            assert rows in ([], [(owner,)]), table


class TestWhatIsKeptAndShown:
    def test_has_no_secret_in_any_answer_or_frame(self, keyed: Server, told: Told) -> None:
        for secret in (KEY, CANARY, FOREIGN, told.own_token, told.alice.token, told.charlies_token, PASSWORD):
            assert secret not in told.shown
        assert not [secret for secret in kept_secrets(keyed) if secret in told.shown]

    def test_has_no_secret_in_the_database(self, keyed: Server, told: Told) -> None:
        kept = dump(keyed)
        assert len(kept) > 20_000
        for secret in (KEY, CANARY, told.own_token, told.alice.token, told.charlies_token, PASSWORD):
            assert secret.encode() not in kept
        assert not [secret for secret in kept_secrets(keyed) if secret.encode() in kept]

    def test_keeps_the_tenants_apart_in_the_database(self, keyed: Server, told: Told) -> None:
        events = "select distinct session_id::text from agent_sessions_event where payload::text like %s"
        assert query(keyed, events, f"%{FOREIGN}%") == [(told.charlies_session_id,)]

    def test_has_no_secret_in_any_log_or_file(self, keyed: Server, told: Told) -> None:
        """Keys are in their folder, a session's own things in its sandbox, and nowhere else."""
        secrets_ = [KEY, CANARY, FOREIGN, told.own_token, told.alice.token, told.charlies_token, PASSWORD]
        found = {
            (secret, path.relative_to(keyed.data_dir).parts[:2])
            for path in keyed.data_dir.rglob("*")
            if path.is_file()
            for secret in [*secrets_, *kept_secrets(keyed)]
            if secret.encode() in path.read_bytes()
        }
        keys = {
            (secret, ("keys", name))
            for secret, name in zip(kept_secrets(keyed), ("django", "encryption"), strict=False)
        }
        theirs = (FOREIGN, ("sandboxes", told.charlies_session_id))
        names = {place[0] for _, place in found}
        assert found - keys - {theirs} == set(), names

    def test_has_no_secret_in_the_objects_of_a_vault_of_others(self, keyed: Server, told: Told) -> None:
        holders = []
        for vault in (keyed.data_dir / "vault").rglob("objects"):
            names = subprocess.run(
                ["git", "-C", vault.parent, "cat-file", "--batch-all-objects", "--batch"],
                capture_output=True,
                check=True,
            )
            assert KEY.encode() not in names.stdout
            assert told.own_token.encode() not in names.stdout
            holders += [vault] if FOREIGN.encode() in names.stdout else []
        assert len(holders) == 1

    def test_has_no_secret_on_any_command_line(self, keyed: Server, told: Told) -> None:
        """Of all processes, and in the environment of those that belong to a sandbox."""
        secrets_ = [KEY, CANARY, told.own_token, told.alice.token, told.charlies_token]
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (process / "cmdline").read_bytes()
                    assert not [secret for secret in secrets_ if secret.encode() in line], line
                    if str(keyed.data_dir).encode() in line and b"guest" in line:
                        inherited = (process / "environ").read_bytes()
                        assert not [secret for secret in (KEY, CANARY) if secret.encode() in inherited]
