"""Runs git in the sandbox: no prompts, no hooks, nothing from variables; the repository's own config is the agent's."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Dict, List, Optional, Tuple

from guest.children import Child
from guest.conversation import Call
from guest.errors import Fail

OUTPUT_LIMIT = 64 * 1024 * 1024
TIMEOUT_S = 900.0
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
}
OPTIONS = [
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "core.untrackedCache=false",
    "-c", "core.quotePath=false",
    "-c", "core.safecrlf=false",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "advice.detachedHead=false",
    "-c", "protocol.allow=never",
]  # fmt: skip


class Git:
    """Git in the work tree of one call; whatever runs is ended when the call fails."""

    def __init__(self, call: Call, env: Optional[Dict[str, str]] = None) -> None:
        self._call = call
        # A work tree without a repository must not be taken for a part of one further up.
        ceiling = os.path.dirname(os.path.realpath(call.daemon.places.work))
        self._env = dict(ENVIRONMENT, GIT_CEILING_DIRECTORIES=ceiling, **(env or {}))

    def with_index(self, path: str) -> "Git":
        """The same with an index of its own."""
        return Git(self._call, {"GIT_INDEX_FILE": path})

    def spawn(self, arguments: List[str], stdin: int = subprocess.DEVNULL) -> Child:
        """A git whose stdout is a pipe."""
        return self._call.daemon.children.spawn(
            ["git", *OPTIONS, *arguments],
            cwd=self._call.daemon.places.work,
            env=self._env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        """What git printed. Fails with git's own words."""
        status, output, error = self.try_run(*arguments, data=data)
        if status != 0:
            raise Fail("git_failed", "git %s: %s" % (arguments[0], words(error)))
        return output

    def text(self, *arguments: str) -> str:
        return self.run(*arguments).decode("utf-8", "replace").strip()

    def try_run(self, *arguments: str, data: bytes = b"") -> Tuple[int, bytes, bytes]:
        """Status, output and errors; the status is not judged."""
        child = self.spawn(list(arguments), stdin=subprocess.PIPE if data else subprocess.DEVNULL)
        try:
            output, error = _exchange(child, data)
            child.ended.wait()
        finally:
            if not child.ended.is_set():
                child.kill_group()
                child.ended.wait()
            child.close()
        return child.exit_code if child.exit_code is not None else 128, output, error

    def commit(self, name: str) -> Optional[str]:
        """The full id of a commit, or None when there is none of this name."""
        status, output, _ = self.try_run("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
        return output.decode("ascii", "replace").strip() if status == 0 else None

    def require_repository(self) -> str:
        """The git folder of the work tree, which must be the top of its repository."""
        status, output, _ = self.try_run("rev-parse", "--is-inside-work-tree", "--show-prefix", "--absolute-git-dir")
        lines = output.decode("utf-8", "surrogateescape").split("\n")
        if status != 0 or lines[0] != "true" or len(lines) < 3 or lines[1] != "":
            raise Fail("not_a_repository", "The work tree holds no usable git repository.")
        return lines[2]


def _exchange(child: Child, data: bytes) -> Tuple[bytes, bytes]:
    """Feed and read a process; `communicate` is of no use, since it would wait for what only the reaper may."""
    outputs = {child.stdout.fileno(): bytearray(), child.stderr.fileno(): bytearray()}
    first = child.stdout.fileno()
    open_fds = set(outputs)
    rest = memoryview(data)
    stdin = child.process.stdin
    if stdin is not None:
        os.set_blocking(stdin.fileno(), False)
    deadline = time.monotonic() + TIMEOUT_S
    while open_fds:
        if time.monotonic() > deadline:
            raise Fail("timeout", "Git took too long.")
        poll = select.poll()
        for fd in open_fds:
            poll.register(fd, select.POLLIN)
        if stdin is not None and not stdin.closed:
            poll.register(stdin.fileno(), select.POLLOUT)
        for fd, _ in poll.poll(1000):
            if fd in outputs:
                chunk = os.read(fd, 65536)
                outputs[fd] += chunk
                if not chunk:
                    open_fds.discard(fd)
                if len(outputs[fd]) > OUTPUT_LIMIT:
                    raise Fail("too_large", "Git printed too much.")
            else:
                try:
                    rest = rest[os.write(fd, rest[:65536]) :]
                except BrokenPipeError:
                    rest = rest[:0]
                except BlockingIOError:
                    continue
                if not rest:
                    child.stdin.close()
    second = next(buffer for fd, buffer in outputs.items() if fd != first)
    return bytes(outputs[first]), bytes(second)


def words(error: bytes) -> str:
    text = error.decode("utf-8", "replace").strip()
    return text[-1000:] or "no reason given"
