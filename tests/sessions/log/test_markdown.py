"""The log as Markdown: everything in its place, nothing that ends a block that it stands in."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async as in_db
from django.db import transaction
from django.test import AsyncClient
from django.utils import timezone, translation

from accounts.models import Organization, User
from config.env import BASE_DIR
from sessions import log
from sessions.events import Entry
from sessions.live import export
from sessions.log.markdown import Writer, fenced
from sessions.log.tool_words import VERBS
from sessions.models import AgentSession
from tests import factories
from tests.sessions.rows import make_session

Json = dict[str, Any]
AT = "2026-11-30T10:00:00Z"


def event(kind: str, **payload: Any) -> Json:
    return {"seq": 1, "kind": kind, "payload": payload, "job_id": None, "created_at": AT}


def message(text: str, job: str = "j", **more: Any) -> Json:
    author = {"id": "1", "name": "Alice"}
    told = {"message_id": f"m-{job}", "job_id": job, "text": text, "author": author, "attachments": [], **more}
    return event("message.user", **told)


def job(status: str, id: str = "j", error: str = "") -> Json:
    return event("job.status", job_id=id, message_id=f"m-{id}", status=status, progress=0, error=error)


def said(text: str, parent: str | None = None) -> Json:
    return event("assistant.text", block=uuid.uuid4().hex, parent=parent, text=text)


def call(name: str, id: str = "c", parent: str | None = None, **given: Any) -> Json:
    return event("tool.call", call_id=id, parent=parent, name=name, input=given)


def result(text: str, id: str = "c", **more: Any) -> Json:
    told = {"is_error": False, "text": text, "is_truncated": False, "images": [], "patch": None, "parent": None}
    return event("tool.result", call_id=id, **{**told, **more})


def written(*events: Json) -> list[str]:
    writer = Writer()
    return [*(block for one in events for block in writer.take(one)), *writer.end()]


class TestMessages:
    def test_stand_where_their_turn_begins_as_they_were_last(self) -> None:
        blocks = written(
            message("first", "a"),
            job("PENDING", "a"),
            message("second", "b"),
            message("never", "c"),
            event("message.edited", message_id="m-b", text="second, but better", by=None),
            job("PROCESSING", "a"),
            said("answer one"),
            job("CANCELLED", "c"),
            job("COMPLETED", "a"),
            job("PROCESSING", "b"),
        )

        assert blocks == [
            f"### Alice · {AT}\n\nfirst",
            "answer one",
            f"### Alice · {AT}\n\nsecond, but better",
        ]

    def test_that_wait_stand_at_the_end(self) -> None:
        assert written(message("later")) == [f"### Alice · {AT}\n\nlater"]


class TestCalls:
    def test_stand_with_what_came_of_them(self) -> None:
        blocks = written(
            call("Bash", "1", command="npm test"),
            call("Read", "2", file_path="/workspace/a.py"),
            result("1\tx", "2"),
            result("Exit code 1\nbad", "1", is_error=True),
        )

        assert blocks == [
            "**Read** `/workspace/a.py`\n\n```\n1\tx\n```",
            "**Run** `npm test` (failed)\n\n```\nExit code 1\nbad\n```",
        ]

    def test_that_change_files_show_how(self) -> None:
        patch = [{"oldStart": 1, "newStart": 1, "lines": [" a", "-b", "+c"]}]
        (block,) = written(call("Edit", file_path="/a", old_string="b"), result("done", patch=patch))

        assert block == "**Edit** `/a`\n\n```diff\n a\n-b\n+c\n```"

    def test_of_a_sub_agent_hold_what_it_did(self) -> None:
        blocks = written(
            call("Task", "t", description="look", prompt="find it"),
            call("Grep", "g", parent="t", pattern="x"),
            result("here", "g", parent="t"),
            said("found it", parent="t"),
            result("it is here", "t"),
        )

        assert blocks[0] == "**Sub-agent** `look`\n\n> find it"
        assert blocks[1:3] == ["> **Search** `x`\n>\n> ```\n> here\n> ```", "> found it"]
        assert "it is here" in blocks[3]

    def test_without_an_answer_are_told_when_the_turn_is_over(self) -> None:
        blocks = written(call("Bash", command="sleep 9"), job("FAILED", error="The sandbox was killed."), said("next"))

        assert blocks == ["> The turn failed: The sandbox was killed.", "**Run** `sleep 9` (not finished)", "next"]

    def test_that_were_interrupted_did_not_fail(self) -> None:
        stopped = result("The user doesn't want to go on", is_error=True, is_interrupted=True)

        assert written(call("Bash", command="sleep 9"), stopped)[0].startswith("**Run** `sleep 9` (interrupted)")

    @pytest.mark.parametrize("given", [None, [], "x", {"command": {"a": 1}}, {"file_path": 7}])
    def test_of_any_form_are_told(self, given: Any) -> None:
        assert written(event("tool.call", call_id="c", parent=None, name="Odd*", input=given), result("ok")) == [
            "**Odd**\n\n```\nok\n```"
        ]

    @pytest.mark.parametrize(
        ("tool", "word"),
        [("Bash", "実行"), ("Grep", "検索"), ("mcp__tracker__find", "tracker の find を使用"), ("Odd", "Odd")],
    )
    def test_say_what_their_tool_does_in_the_readers_language(self, tool: str, word: str) -> None:
        with translation.override("ja"):
            (block,) = written(call(tool, command="x"), result("ok"))

        assert block.startswith(f"**{word}** `x`")

    def test_say_the_same_that_pages_say(self) -> None:
        source = (BASE_DIR / "frontend/src/session/tools.ts").read_text()
        cases = re.findall(r'((?:case "\w+":\s*)+)return \{ icon: "\w+", verb: gettext\("([^"]+)"\)', source)
        said = {name: words for names, words in cases for name in re.findall(r'"(\w+)"', names)}

        with translation.override("en"):
            assert {name: str(words) for name, words in VERBS.items()} == said


class TestText:
    def test_of_a_stranger_ends_no_block(self) -> None:
        assert fenced("a\n```\n# not a heading\n````\n") == "`````\na\n```\n# not a heading\n````\n`````"
        (block,) = written(call("Bash", command="echo `x`\nrm"), result("``` out"))
        assert block.startswith("**Run** `echo 'x'`\n\n```sh\necho `x`\nrm\n```\n\n````\n``` out\n````")

    def test_of_everything_else_is_told(self) -> None:
        blocks = written(
            event("permission.resolved", id="p", status="DENIED", reason="not now", by={"name": "Bob"}, rules=[]),
            event("agent.notice", level="warning", text="Slow", detail={"a": 1}),
            event("agent.exited", exit_code=None, signal=9, stderr="oops"),
            event("context.compacted", trigger="auto", tokens_before=9, tokens_after=1),
            event("tree.restored", error="", by=None),
            event("session.status", status="RUNNING"),
            event(
                "turn.completed",
                duration_ms=1500,
                input_tokens=1000,
                output_tokens=200,
                cache_read_tokens=None,
                cache_write_tokens=34,
                cost_usd="0.01",
            ),
        )

        assert blocks == [
            "> Denied by Bob: not now",
            '> Slow\n\n```\n{\n  "a": 1\n}\n```',
            "> The agent stopped unexpectedly (signal 9).\n\n```\noops\n```",
            "*The conversation was shortened here.*",
            "*Files were restored to an earlier state.*",
            "*1.5 s · 1,234 tokens · $0.01*\n\n---",
        ]


@pytest.mark.django_db(transaction=True)
class TestExport:
    def test_streams_the_whole_log_in_pages(
        self, bob: User, organization: Organization, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "PAGE", 3)
        session = make_session(organization)
        write(session, 10)

        async def fetch() -> tuple[Any, list[str]]:
            token = await in_db(factories.make_token)(bob, organization)
            path = f"/api/sessions/{session.pk}/conversation.md"
            answer: Any = await AsyncClient().get(path, headers={"Authorization": f"Bearer {token}"})
            return answer, [part.decode() async for part in answer.streaming_content]

        answer, parts = async_to_sync(fetch)()

        assert answer["Content-Type"] == "text/markdown; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="session.md"'
        assert len(parts) > 3
        assert "".join(parts) == f"# {session.name}\n" + "".join(f"\nline {number}\n" for number in range(10))


def write(session: AgentSession, count: int) -> None:
    entries = [
        Entry("assistant.text", {"block": str(number), "parent": None, "text": f"line {number}"})
        for number in range(count)
    ]
    with transaction.atomic():
        log.append(session, entries, now=timezone.now())
