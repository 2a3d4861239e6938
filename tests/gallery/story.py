"""A conversation in which everything happens that can happen, and one that goes on and on."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

from tests.gallery.scripts import MARKDOWN
from tests.journeys.test_browser_images import png

Entry = tuple[str, dict[str, Any]]
ALICE = {"id": str(uuid.UUID(int=1)), "name": "Alice Nakamura"}
UNBROKEN = "src/" + "a_path_without_any_place_to_break_" * 6 + "end.py"
HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe \x1b[31mred\x1b[0m"
HUNK = {
    "old_start": 12,
    "new_start": 12,
    "lines": [
        " def finish(request):",
        "-    response = HttpResponseRedirect(next_of(request))",
        "-    response.set_cookie('sid', request.session.session_key)",
        "+    response = redirect(request.session.pop('next', '/'))",
        "+    response.set_cookie('sid', request.session.session_key, secure=True, samesite='Lax', max_age=SID_AGE_S)",
        " ",
        "     return response",
    ],
}
TODO = [
    {"content": "Find where the cookie is set", "status": "completed", "activeForm": "Finding where"},
    {"content": "Set it in one place", "status": "in_progress", "activeForm": "Setting it in one place"},
    {"content": "Test it in Safari", "status": "pending", "activeForm": "Testing it"},
]
PLAN = "# Plan\n\n1. Move the cookie.\n2. Test it.\n\n```sh\npytest tests/auth\n```"
QUESTION = {
    "questions": [
        {
            "question": "May the cookie's name change?",
            "header": "Cookie",
            "multiSelect": False,
            "options": [
                {"label": "Yes", "description": "Everybody is signed out once."},
                {"label": "No", "description": "The old name stays."},
            ],
        }
    ]
}


class Teller:
    """Gives calls and blocks their numbers."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)

    def text(self, text: str, kind: str = "assistant.text", parent: str | None = None) -> Entry:
        return kind, {"block": f"m{next(self.numbers)}:0", "parent": parent, "text": text}

    def tool(
        self, name: str, input: dict[str, Any], text: str = "", *, parent: str | None = None, **more: Any
    ) -> list[Entry]:
        """A call and its result."""
        call_id = f"call-{next(self.numbers)}"
        ids = {"call_id": call_id, "parent": parent}
        result = {"is_error": False, "text": text, "is_truncated": False, "images": [], "patch": None, **more}
        return [("tool.call", {**ids, "name": name, "input": input}), ("tool.result", {**ids, **result})]

    def turn(self, prompt: str, *inside: Entry, **ending: Any) -> list[Entry]:
        """A message, what the agent does about it, and how the turn ends."""
        job_id, message_id = str(uuid.uuid4()), str(uuid.uuid4())
        job = {
            "job_id": job_id,
            "message_id": message_id,
            "trigger": "MESSAGE",
            "is_urgent": False,
            "progress_message": "",
            "error": "",
        }
        said = {"message_id": message_id, "job_id": job_id, "text": prompt, "author": ALICE, "attachments": []}
        started = {
            "model": "claude-sonnet-4",
            "permission_mode": "default",
            "claude_session_id": str(uuid.UUID(int=3)),
            "is_practice": True,
        }
        done = {
            "is_error": False,
            "error": "",
            "duration_ms": 93_400,
            "num_turns": 9,
            "input_tokens": 1200,
            "output_tokens": 3400,
            "cache_read_tokens": 91_000,
            "cache_write_tokens": 4100,
            "cost_usd": "0.4182",
            **ending,
        }
        status = "FAILED" if done["is_error"] else "COMPLETED"
        kept = {"checkpoint_id": str(uuid.uuid4()), "commit": "c0ffee" * 6 + "abcd", "git_status": "DIRTY"}
        return [
            ("job.status", {**job, "status": "PENDING", "progress": 0}),
            ("message.user", said),
            ("job.status", {**job, "status": "PROCESSING", "progress": 10}),
            ("turn.started", started),
            *inside,
            ("turn.completed", {**done, "job_id": job_id}),
            ("checkpoint.created", {**kept, "files_changed": 4, "files_changed_in_turn": 4, "job_id": job_id}),
            ("job.status", {**job, "status": status, "progress": 100}),
        ]


OVERLOADED = "The model was overloaded. Retrying"
MOVED = {
    "move_id": str(uuid.UUID(int=5)),
    "by": {"id": str(uuid.UUID(int=4)), "name": "Alice Nakamura"},
    "from": "This machine",
}


def everything() -> list[Entry]:
    teller = Teller()
    return [
        *teller.turn("Safari users are signed out after the provider's redirect. Find out why.", *_looking(teller)),
        *teller.turn(f"Good. Mend it, and keep {UNBROKEN} as it is.", *_mending(teller)),
        *teller.turn("Ask somebody else to look at it, too.", *_helping(teller)),
        ("session.moved", {**MOVED, "to": "node-22", "error": ""}),
        ("session.moved", {**MOVED, "from": "node-22", "to": "burst", "error": "Modal cannot be reached."}),
        *teller.turn(
            "Now make it 100 times faster.",
            teller.text("I try."),
            *teller.tool("Bash", {"command": "make bench"}, "make: *** [bench] Error 2", is_error=True),
            *(
                (
                    "agent.notice",
                    {"level": "warning", "text": f"{OVERLOADED} (attempt {n} of 2)…", "detail": "529 overloaded"},
                )
                for n in (1, 2)
            ),
            is_error=True,
            error="API Error: 529 overloaded_error",
        ),
    ]


def _looking(teller: Teller) -> list[Entry]:
    code = "\n".join(f"{number:>4}\tdef step_{number}(request): ..." for number in range(1, 121))
    shot = {"media_type": "image/png", "data": base64.b64encode(png(320, 180)).decode()}
    return [
        teller.text("The cookie must be set somewhere before the redirect.\n\nLet me look.", "assistant.thinking"),
        teller.text("I look for the places that set the cookie first."),
        *teller.tool("Grep", {"pattern": r"set_cookie\(", "path": "/workspace/auth"}, "auth/views.py\nauth/oauth.py"),
        *teller.tool("Glob", {"pattern": "**/*cookie*"}, "auth/cookies.py"),
        *teller.tool("Read", {"file_path": "/workspace/auth/views.py"}, code),
        *teller.tool("Read", {"file_path": "/workspace/docs/shot.png"}, "", images=[shot]),
        *teller.tool("WebSearch", {"query": "safari cookie lost on redirect samesite"}, "1. example.com"),
        *teller.tool("WebFetch", {"url": "https://example.com/a/very/long/address?" + "q=1&" * 40}, "Cookies…"),
        *teller.tool("TodoWrite", {"todos": TODO}, "Todos have been modified successfully."),
        *teller.tool("mcp__tracker__get_issue", {"id": 4711, "fields": ["title", "body"]}, '{"title": "Signed out"}'),
        *teller.tool("Bash", {"command": "pytest -q tests/auth", "description": "Run"}, "41 passed in 3.2s"),
        *teller.tool("Bash", {"command": "seq 1 4000"}, "\n".join(map(str, range(1, 4001))), is_truncated=True),
        *teller.tool("Bash", {"command": "npm test"}, f"Exit code 1\n{HOSTILE}\n" + "x" * 400, is_error=True),
        teller.text(MARKDOWN),
    ]


def _mending(teller: Teller) -> list[Entry]:
    edit = {"file_path": "/workspace/auth/views.py", "old_string": "a\n", "new_string": "b\n"}
    asked: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "kind": "PLAN",
        "tool": "ExitPlanMode",
        "input": {"plan": PLAN},
        "description": "",
        "suggestions": [],
        "cwd": "/workspace",
        "parent": None,
    }
    denied = {**asked, "id": str(uuid.uuid4()), "kind": "TOOL", "tool": "Bash", "input": {"command": "rm -rf build"}}
    question = {**asked, "id": str(uuid.uuid4()), "kind": "QUESTION", "tool": "AskUserQuestion", "input": QUESTION}

    def answered(request: dict[str, Any], status: str, reason: str = "", **answers: str) -> list[Entry]:
        answer = {
            "id": request["id"],
            "status": status,
            "reason": reason,
            "by": ALICE,
            "rules": [],
            "answers": answers,
        }
        return [("permission.requested", request), ("permission.resolved", answer)]

    return [
        *answered(asked, "ALLOWED"),
        *answered(question, "ALLOWED", **{"May the cookie's name change?": "Yes"}),
        *teller.tool("Edit", edit, "ok", patch=[HUNK]),
        *teller.tool("Write", {"file_path": f"/workspace/{UNBROKEN}", "content": "one\ntwo\n" * 30}, "ok"),
        *answered(denied, "DENIED", "Not the build folder, somebody else is using it."),
        ("context.compacted", {"trigger": "auto", "tokens_before": 168_000, "tokens_after": 24_000}),
        teller.text("It is mended: the cookie is set in **one** place, after the redirect."),
    ]


def _helping(teller: Teller) -> list[Entry]:
    call, result = teller.tool(
        "Task", {"description": "Review the change", "prompt": "Look at the diff.", "subagent_type": "general"}, "Fine."
    )
    parent = str(call[1]["call_id"])
    return [
        call,
        teller.text("I read the diff first.", parent=parent),
        *teller.tool("Bash", {"command": "git diff main"}, "diff --git a/auth/views.py", parent=parent),
        *teller.tool("Read", {"file_path": "/workspace/auth/oauth.py"}, "1\timport x", parent=parent),
        result,
        teller.text("The other one finds it **fine**, too."),
    ]


def turns(events: int) -> Iterator[Entry]:
    """Turns of some twenty events each, until there are so many."""
    teller = Teller()

    def one(number: int) -> Iterator[Entry]:
        inside = [
            teller.text(f"Step {number}: I look around, then I change a little, and look whether it still works."),
            *teller.tool("Read", {"file_path": f"/workspace/src/module_{number}.py"}, "1\timport x\n" * 40),
            *teller.tool("Edit", {"file_path": f"/workspace/src/module_{number}.py"}, "ok", patch=[HUNK]),
            *teller.tool("Bash", {"command": f"pytest -q tests/test_{number}.py"}, ".\n1 passed"),
            teller.text(MARKDOWN if number % 4 == 0 else "That works. On to the next one."),
        ]
        yield from teller.turn(f"Go on with number {number}.", *inside)

    endless = itertools.chain.from_iterable(one(number) for number in itertools.count(1))
    return itertools.islice(endless, events)
