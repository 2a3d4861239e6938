"""One process after another of a cluster is killed and started again: every kind in turn, in an order of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults import victims
from tests.journeys.cluster import Cluster

AWAY_S = 3.0  # how long what was killed stays away
SERVERS = ("web", "worker", "redis", "database")
WITHIN = ("agent", "sandbox")  # what these deaths cost is told, and a person has to go on


@dataclass
class Killing:
    """The same seed kills the same kinds in the same order; each kind dies once before any dies twice."""

    whole: Cluster
    seed: int
    every_s: float
    kinds: tuple[str, ...] = SERVERS
    newest: Callable[[], str] = lambda: ""  # the session whose agent or sandbox is meant
    deaths: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def reign(self) -> None:
        choice, coming = random.Random(self.seed), list[str]()
        began = time.monotonic()
        while not self.is_over.wait(max(0.0, began + self.every_s - time.monotonic())):
            began = time.monotonic()
            coming = coming or choice.sample(self.kinds, len(self.kinds))
            kind = coming.pop()
            try:
                name = self.kill(kind, choice)
            except Exception as error:
                self.wrong.append(f"{kind} did not come back: {error!r}")
                return
            self.deaths[kind] += 1
            say(f"killed {name}")

    def kill(self, kind: str, choice: random.Random) -> str:
        """kill -9, and after a while a new one in its place; what it was."""
        whole = self.whole
        if kind in ("web", "worker"):
            node = choice.choice(whole.webs if kind == "web" else whole.workers)
            node.kill()
            time.sleep(AWAY_S)
            node.start()
            return node.name
        if kind == "redis":
            whole.redis.kill()
            time.sleep(AWAY_S)
            whole.redis.start()
        elif kind == "database":
            whole.kill_database()
            time.sleep(AWAY_S)
            whole.start_database()
        else:
            find = victims.agent if kind == "agent" else victims.sandbox
            with contextlib.suppress(AssertionError, IndexError, KeyError, TypeError, ProcessLookupError):
                os.kill(find(whole, self.newest()), signal.SIGKILL)
        return kind


@contextlib.contextmanager
def killing(whole: Cluster, *, seed: int, every_s: float) -> Iterator[Killing]:
    """Processes die while the caller does what it likes; at the end all are there again."""
    reigning = Killing(whole, seed, every_s)
    thread = threading.Thread(target=reigning.reign, daemon=True)
    thread.start()
    try:
        yield reigning
    finally:
        reigning.is_over.set()
        thread.join(200)
    assert reigning.wrong == []


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()
