"""What the agents in the pictures are told, word for word."""

from __future__ import annotations

from typing import Any

from tests.journeys.browsing import bash, script

FREE = {"permission_mode": "bypassPermissions"}
MARKDOWN = """## What I found

The session cookie is set **before** the redirect, so Safari drops it. Three places set it:

1. `auth/middleware.py` — on every request
2. `auth/views.py` — after the form
3. `auth/oauth.py` — after the provider's answer, see [the specification](https://example.com/spec)

```python
def finish(request: HttpRequest) -> HttpResponse:
    response = redirect(request.session.pop("next", "/"))
    response.set_cookie("sid", request.session.session_key, secure=True, samesite="Lax")  # one place only
    return response
```

| browser | before | after |
| --- | ---: | ---: |
| Safari 17 | 41 % lost | none |
| Firefox 128 | 2 % lost | none |
| Chrome 126 | none | none |

> A redirect that sets a cookie must not cross sites.

- [x] Reproduced it
- [ ] Ask whether the old cookie's name may go

I go on with `auth/views.py` now, and "after that" with the tests; the rest stays as it is.
"""
TALK = MARKDOWN * 2
SLOW = {"text": TALK, "chunks": 600, "delay": 0.7}
COMMAND = (
    "find . -name '*.pyc' -delete && python3 -m pytest -x -q tests/checkout tests/cart --maxfail=1 "
    "--override-ini='addopts=' 2>&1 | tee /tmp/out.txt && git status --short"
)
BUILD = {"tool": "Bash", "input": {"command": "make all || sleep 590", "timeout": 600_000}}
BACKGROUND = [{"tool": "Bash", "input": {"command": "sleep 900", "run_in_background": True, "description": "dev"}}]
QUEUED = (
    "Then add a test for the empty cart.",
    "And when that is done, please look at the currency that is shown in the receipt: customers in Norway see kr "
    "before the amount, it should come after, and the thousands should be parted by a narrow space.",
    "Bump the version.",
)
WRITE = {"tool": "Write", "input": {"file_path": "/workspace/notes/cookies.md", "content": MARKDOWN}}

# As the engine says it.
TOO_LITTLE_MEMORY = "The sandbox ran out of memory (2 GB) and was stopped. The files are kept. Send a message to go on."
TOO_OLD = (
    "The sandbox reached its maximum age of 24 h, so the session was stopped. The files are kept. "
    "Send a message to go on in a new one."
)
NOT_SAVED = "Not stopped: the work could not be saved. The sandbox's disk is full."

# name -> prompt, what else the session is made with
SESSIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "new-idea": ("", {}),
    "fix-login": ("Write a small fizzbuzz program and test it", {}),
    "run-tests": (script(bash(COMMAND), [{"text": "fine"}]), {}),
    "plan-search": ("make a plan", {"permission_mode": "plan"}),
    "pick-a-name": ("ask me a question", {}),
    "explain-cookies": (script([{"thinking": "Where is the cookie set?"}, SLOW]), FREE),
    "long-build": (script([{"text": "I build it first."}, BUILD], [{"text": "ok"}]), FREE),
    "write-changelog": (script([SLOW]), FREE),
    "dev-server": (script(BACKGROUND, [{"text": "It runs at the back."}]), FREE),
    "refused": (script([{"http": 400, "etype": "invalid_request_error", "message": "prompt is too long"}]), FREE),
    "dead": (script(bash("kill -9 $PPID")), FREE),
    "notes": (script([WRITE], bash("seq 1 60; mkdir -p docs; date > docs/when.txt"), [{"text": MARKDOWN}]), FREE),
    "upgrade-deps": (script([{"text": "All dependencies are up to date."}]), FREE),
    "ask-a-helper": ("use a sub-agent", FREE),
}
# how far a session must have come: until its agent asks, until its turn is over (unless named), or not at all
WAITS = {
    **dict.fromkeys(("fix-login", "run-tests", "plan-search", "pick-a-name"), "asked"),
    **dict.fromkeys(("explain-cookies", "long-build", "write-changelog", "new-idea"), "nothing"),
}
