"""People work on a cluster while one random process after another is killed: `python3 dev faults --only chaos`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults.invariants import assert_invariants
from tests.faults.killing import SERVERS, WITHIN, Killing, say
from tests.faults.stories import STORY
from tests.faults.watching import watching
from tests.faults.world import Client, World, newcomer, script
from tests.journeys.cluster import cluster

PEOPLE = 3


@dataclass
class Chaos:
    """People at work, and what went wrong for them."""

    world: World
    is_over: threading.Event = field(default_factory=threading.Event)
    stories: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

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
    with chaos(seed=given.seed, every_s=given.every) as (reigning, killer):
        time.sleep(given.minutes * 60)
    say(f"seed {given.seed}: killed {dict(killer.deaths)}; stories {dict(reigning.stories)}")
    wrong = [*killer.wrong, *reigning.wrong]
    for line in wrong:
        say(f"WRONG {line}")
    return 1 if wrong else 0


@contextlib.contextmanager
def chaos(*, seed: int, every_s: float, people: int = PEOPLE) -> Iterator[tuple[Chaos, Killing]]:
    """People at work and processes that die, while the caller does what it likes; at the end the invariants."""
    with cluster(webs=2, workers=2) as whole:
        world = World(whole, is_tended=False)
        world.neighbour = newcomer(world, "bob")
        clients = [newcomer(world, f"alice{number}") for number in range(people)]
        reigning = Chaos(world)
        killer = Killing(whole, seed, every_s, (*SERVERS, *WITHIN), lambda: reigning.sessions[-1])
        killer.is_over = reigning.is_over
        threads = [_started(reigning.work, client) for client in clients]
        threads.append(_started(killer.reign))
        try:
            yield reigning, killer
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
