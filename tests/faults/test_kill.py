"""kill -9 of the server at named places while the real agent works: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.invariants import assert_invariants
from tests.faults.procession import MOMENTS, Procession
from tests.faults.stories import SEED, STORY, TIMES, assert_told, chosen, tell
from tests.faults.watching import watching
from tests.faults.world import Client, World

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.timeout(300)]

# Row of the fault list, and the place where the server dies.
POINTS = [
    ("E1", "sessions.before_commit"),
    ("E2", "message.after_commit"),
    ("E4", "turn.claimed"),
    ("E4", "machine.created_before_stored"),
    ("E4", "agent.before_start"),
    ("E4", "turn.before_delivery"),
    ("E4", "turn.after_delivery"),
    ("E6", "log.before_append"),
    ("E6", "log.after_append@2"),
    ("E39", "gateway.before_charge"),
    ("E2", "approve.after_commit"),
    ("E1", "approve.before_commit"),
    ("E6", "turn.before_result_commit"),
    ("E6", "turn.before_checkpoint"),
    ("E27", "vault.before_import"),
    ("E27", "vault.before_fetch"),
    ("E27", "vault.imported"),
    ("E6", "turn.before_finish"),
]


PER_SERIES = 5  # sessions between two looks at everything
IN_EVERY_RUN = ("message.after_commit", "log.after_append@2", "approve.after_commit")
CASES = [
    pytest.param(row, point, id=f"{row}-{point}", marks=() if point in IN_EVERY_RUN else pytest.mark.thorough)
    for row, point in POINTS
]


def kill_at(point: str) -> str:
    name, _, hit = point.partition("@")
    return f"{name}=kill@{hit or 1}"


class TestTheServerIsKilled:
    """At four moments, each as often in a row as `FAULT_TIMES` says."""

    @pytest.mark.timeout(900)
    @pytest.mark.parametrize("series", range(-(-TIMES // PER_SERIES)))
    def test_at_four_moments_of_each_turn(
        self, world: World, alice: Client, series: int, record_property: Callable[[str, object], None]
    ) -> None:
        times = min(PER_SERIES, TIMES - series * PER_SERIES)
        deaths, procession = len(world.deaths), Procession(world, alice)
        procession.pass_by(times)
        record_property("fault", f"{len(world.deaths) - deaths} deaths of the server: {dict(procession.met)}")

        assert all(procession.met[moment] >= times for moment in MOMENTS), procession.met
        assert_invariants(world, alice)


class TestEachPlace:
    @pytest.mark.parametrize(("row", "point"), CASES)
    def test_may_be_the_last(self, world: World, alice: Client, row: str, point: str) -> None:
        alice.project()
        before = len(world.deaths)
        world.arm(kill_at(point))
        session_id = tell(alice)

        assert world.has_acted, f"nobody came by {point}"
        assert len(world.deaths) == before + 1
        assert_told(world, alice, session_id)


class TestPlacesBesideAStory:
    @pytest.mark.thorough
    def test_a_later_message_whose_commit_was_not_reached_is_sent_again(self, world: World, alice: Client) -> None:
        session_id = alice.begin("hello")
        alice.until_done(session_id)
        world.arm("message.before_commit=kill")
        message_id = alice.send(session_id, "hello again")
        alice.until_done(session_id)

        assert world.has_acted
        told = [payload["message_id"] for payload in alice.of_kind(session_id, "message.user")]
        assert told.count(message_id) == 1
        assert_invariants(world, alice)


class TestRandomPlaces:
    @pytest.mark.parametrize("seed", SEED)
    def test_of_a_story_may_be_the_last(
        self, world: World, alice: Client, seed: int, record_property: Callable[[str, object], None]
    ) -> None:
        """Which places there are is learnt from a story without a fault."""
        before = world.passed()
        with watching(alice, session_id := alice.begin(STORY)):
            alice.until_done(session_id)
        met = sorted((world.passed() - before).items())
        choice = chosen(seed)
        point, hits = choice.choice(met)
        rule = f"{point}=kill@{choice.randint(1, hits)}"
        record_property("fault", f"seed {seed}: {rule}")
        world.arm(rule)
        assert_told(world, alice, tell(alice))
