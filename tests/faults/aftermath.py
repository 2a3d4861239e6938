"""What holds for all sessions of a cluster on which processes died, whoever made them and whatever they did."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.faults.invariants import vaults_are_sound
from tests.faults.world import World
from tests.journeys.server import Server
from tests.journeys.wire import query

SETTLE_S = 150.0  # the reconciler mends once a minute
LIVE = "agent_sessions_agentsession s where s.deleted_at is null"
LOG = "agent_sessions_event e where e.session_id = s.id"
ONCE = {"message.user": "message_id", "assistant.text": "block", "tool.call": "call_id", "tool.result": "call_id"}
TASK = "select 1 from procrastinate_jobs p where p.lock = 'session:' || s.id and p.status in ('todo', 'doing')"
AT_WORK = "select 1 from agent_sessions_job j where j.session_id = s.id and j.status"
WRONG = {
    "has a log with gaps": f"select s.id from {LIVE} and s.last_seq <> (select count(*) from {LOG})",
    "says something else than its log": f"select s.id from {LIVE} and s.status <> (select e.payload->>'status' "
    f"from {LOG} and e.kind = 'session.status' order by e.seq desc limit 1)",
    "has a message that is not in the log": "select m.session_id from agent_sessions_message m join "
    "agent_sessions_agentsession s on s.id = m.session_id where s.deleted_at is null and not exists "
    f"(select 1 from {LOG} and e.kind = 'message.user' and e.payload->>'message_id' = m.id::text)",
    "says that it works and does not": f"select s.id from {LIVE} and s.status in ('INITIALIZING', 'RUNNING') "
    f"and not exists ({AT_WORK} in ('PENDING', 'PROCESSING'))",
    "has a turn that nobody works on": f"select s.id from {LIVE} and exists ({AT_WORK} = 'PROCESSING') "
    f"and not exists ({TASK})",
    "asks for an answer that nobody takes": f"select s.id from {LIVE} and s.status <> 'WAITING_INPUT' and exists "
    "(select 1 from agent_sessions_permissionrequest r where r.session_id = s.id and r.status = 'PENDING')",
}


def assert_aftermath(server: Server) -> int:
    """How many sessions are in order. Raises: AssertionError (all that is wrong still when it had time to settle)."""
    deadline = time.monotonic() + SETTLE_S
    while problems := [*_wrong(server), *vaults_are_sound(World(server), [])]:
        if time.monotonic() > deadline:
            raise AssertionError("\n".join(problems))
        time.sleep(1)
    return int(query(server, f"select count(*) from {LIVE}")[0][0])


def _wrong(server: Server) -> Iterable[str]:
    for what, statement in WRONG.items():
        for (session_id,) in query(server, statement):
            yield f"{session_id} {what}"
    for kind, key in ONCE.items():
        doubled = f"group by e.session_id, e.payload->>'{key}' having count(*) > 1"
        for (session_id,) in query(
            server, f"select e.session_id from agent_sessions_event e where kind = '{kind}' {doubled}"
        ):
            yield f"{session_id} has a {kind} twice"
