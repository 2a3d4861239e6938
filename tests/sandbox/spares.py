"""A sandbox per kind that tests use one after the other, emptied in between: making one takes gVisor seconds.

Only for tests that are about what happens in a sandbox (`pytest.mark.shares`), not about its life.
"""

from __future__ import annotations

from sandbox import Sandbox
from sandbox.errors import SandboxError
from tests.sandbox.backends import Maker

EMPTY = """
cd /
for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    case $pid in 1|$$|$PPID) ;; *) kill -9 $pid 2>/dev/null;; esac
done
chmod -R u+rwX "$HOME" "$WORK" /tmp 2>/dev/null
find "$HOME" "$WORK" /tmp /dev/shm -mindepth 1 -delete
find "$HOME" "$WORK" -mindepth 1 | wc -l
"""


class Spares:
    """What was made so far, by kind."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Maker, Sandbox]] = {}

    async def take(self, kind: str, maker: type[Maker]) -> Sandbox:
        """The kind's sandbox with nothing in it."""
        if kind in self._kept:
            owner, kept = self._kept[kind]
            if await _empty(kept):
                return kept
            del self._kept[kind]
            await owner.close()
        owner = maker()
        self._kept[kind] = (owner, await owner.open())
        return self._kept[kind][1]

    async def close(self) -> None:
        for owner, _ in self._kept.values():
            await owner.close()


async def _empty(kept: Sandbox) -> bool:
    """End all that runs, remove all files; False when it will not be emptied."""
    try:
        for terminal in await kept.guest.list_terminals():
            await kept.guest.close_terminal(terminal.id)
        work = (await kept.guest.paths()).work
        done = await kept.guest.run(["sh", "-c", EMPTY], cwd="/", env={"WORK": work}, timeout_s=20)
    except SandboxError:
        return False
    return done.stdout.split() == [b"0"]
