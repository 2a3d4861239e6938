"""People work on a cluster while one random process after another is killed: `python3 dev faults --only chaos`."""

from __future__ import annotations

import argparse
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
from tests.faults.invariants import assert_invariants
from tests.faults.stories import STORY
from tests.faults.watching import watching
from tests.faults.world import Client, World, newcomer, script
from tests.journeys.cluster import Cluster, cluster

PEOPLE = 3
AWAY_S = 3.0  # how long what was killed stays away
KINDS = ("web", "web", "worker", "worker", "redis", "database", "agent", "sandbox")


@dataclass
class Chaos:
    """One random death after another; the same seed chooses the same kinds in the same order."""

    world: World
    whole: Cluster
    seed: int
    every_s: float
    is_over: threading.Event = field(default_factory=threading.Event)
    deaths: Counter[str] = field(default_factory=Counter)
    stories: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    def reign(self) -> None:
        choice = random.Random(self.seed)
        while not self.is_over.wait(self.every_s):
            kind = choice.choice(KINDS)
            try:
                self.kill(kind, choice)
            except Exception as error:
                self.wrong.append(f"{kind} did not come back: {error!r}")
                return
            self.deaths[kind] += 1

    def kill(self, kind: str, choice: random.Random) -> None:
        say(f"kill -9 of {kind}")
        if kind in ("web", "worker"):
            node = choice.choice(self.whole.webs if kind == "web" else self.whole.workers)
            node.kill()
            time.sleep(AWAY_S)
            node.start()
        elif kind == "redis":
            self.whole.redis.kill()
            time.sleep(AWAY_S)
            self.whole.redis.start()
        elif kind == "database":
            self.whole.kill_database()
            time.sleep(AWAY_S)
            self.whole.start_database()
        else:
            find = victims.agent if kind == "agent" else victims.sandbox
            with contextlib.suppress(AssertionError, IndexError, KeyError, ProcessLookupError):
                os.kill(find(self.world, self.sessions[-1]), signal.SIGKILL)

    def work(self, alice: Client) -> None:
        """One story after another; what fails because its agent was killed is told, and the session goes on."""
        while not self.is_over.is_set():
            try:
                self.stories[self.story(alice)] += 1
            except Exception as error:
                self.wrong.append(f"{alice.person.email}: {error!r}")
                return

    def story(self, alice: Client) -> str:
        session_id = alice.begin(STORY)
        self.sessions.append(session_id)
        with watching(alice, session_id):
            done = alice.until_done(session_id)
            for _ in range(5):
                if done["status"] == "COMPLETED":
                    break
                alice.send(session_id, script({"text": "went on"}))
                done = alice.until_done(session_id)
        said = [payload["text"] for payload in alice.of_kind(session_id, "assistant.text")]
        if done["status"] != "COMPLETED":
            raise AssertionError(f"{session_id} ends as {done['status']}: {done['status_reason']}")
        return "told" if "the end" in said else "went on"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--every", type=float, default=20, help="seconds between two deaths")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with chaos(seed=given.seed, every_s=given.every) as reigning:
        time.sleep(given.minutes * 60)
    say(f"seed {given.seed}: killed {dict(reigning.deaths)}; stories {dict(reigning.stories)}")
    for line in reigning.wrong:
        say(f"WRONG {line}")
    return 1 if reigning.wrong else 0


@contextlib.contextmanager
def chaos(*, seed: int, every_s: float, people: int = PEOPLE) -> Iterator[Chaos]:
    """People at work and processes that die, while the caller does what it likes; at the end the invariants."""
    with cluster(webs=2, workers=2) as whole:
        world = World(whole, is_tended=False)
        world.neighbour = newcomer(world, "bob")
        clients = [newcomer(world, f"alice{number}") for number in range(people)]
        reigning = Chaos(world, whole, seed, every_s)
        threads = [_started(reigning.work, client) for client in clients]
        threads.append(_started(reigning.reign))
        try:
            yield reigning
        finally:
            reigning.is_over.set()
            for thread in threads:
                thread.join(180)
        try:
            assert_invariants(world, *clients)
        except AssertionError as error:
            reigning.wrong.append(str(error))


def _started(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
