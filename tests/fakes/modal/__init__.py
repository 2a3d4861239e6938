"""A local Modal for tests: a process of its own that speaks Modal's protocol to the real client and runs real commands.

It shows what the client does and what we make of it; never how Modal's own servers behave.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
TOKEN_ID, TOKEN_SECRET = "ak-local", "as-local"


class LocalModal:
    """A running local Modal, as tests see it."""

    def __init__(self, server_url: str, store_url: str, folder: Path) -> None:
        self.server_url = server_url
        self._store_url = store_url
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead the client here, and never to anybody's own account."""
        return {
            "MODAL_SERVER_URL": self.server_url,
            "MODAL_TOKEN_ID": TOKEN_ID,
            "MODAL_TOKEN_SECRET": TOKEN_SECRET,
            "MODAL_CONFIG_PATH": str(self.folder / "none.toml"),
            "MODAL_DISABLE_API_PROXY": "1",
        }

    def plan(self, rpc: str, *plans: dict[str, Any]) -> None:
        """What the next calls of an RPC do first: `{"delay_s": 2}`, `{"status": "UNAVAILABLE"}`.

        `<rpc>:answered` is applied when the work is done and the answer not yet sent.
        """
        self._order("plan", rpc=rpc, plans=list(plans))

    def outage(self, what: str, *servers: str) -> None:
        """`drop` the connections of "control" and "router" (or of what is named), take them `down`, bring them `up`."""
        self._order("outage", what=what, servers=servers or ("control", "router"))

    def finish(self, id: str, status: str) -> None:
        """End a sandbox as Modal would: "TIMEOUT", "IDLE_TIMEOUT", "TERMINATED"."""
        self._order("finish", id=id, status=status)

    def forget(self, id: str) -> None:
        """As if there had never been a sandbox of this id."""
        self._order("forget", id=id)

    def calls(self) -> list[str]:
        """The names of all calls so far."""
        found: list[str] = self._ask("calls")
        return found

    def sandboxes(self) -> list[dict[str, Any]]:
        """All sandboxes that there ever were: `id`, `is_running`, `tags`, and the `definition` that was asked for."""
        found: list[dict[str, Any]] = self._ask("sandboxes")
        return found

    def _order(self, path: str, **fields: Any) -> None:
        request = urllib.request.Request(f"{self._store_url}/test/{path}", json.dumps(fields).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30):
            return

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._store_url}/test/{path}", timeout=30) as answer:
            return json.load(answer)


@contextmanager
def running(shared: dict[str, str] | None = None) -> Iterator[LocalModal]:
    """A local Modal for as long as the block lasts; `shared` are places of this machine shown in every sandbox."""
    with tempfile.TemporaryDirectory(prefix="slipway-modal-", ignore_cleanup_errors=True) as folder:
        pairs = [f"{source}:{target}" for source, target in (shared or {}).items()]
        command = [sys.executable, "-m", "tests.fakes.modal.server", f"{folder}/world", *pairs]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            try:
                yield LocalModal(said["server"], said["store"], Path(folder))
            finally:
                process.stdin.close()
                process.wait(20)
