"""E25: the clock of the server jumps while people work, with the database's clock and without it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.stories import assert_told, streams, tell
from tests.faults.world import Client, World, newcomer, worlds

pytestmark = [pytest.mark.cli, pytest.mark.fault, pytest.mark.thorough, pytest.mark.timeout(300)]

LIBRARY = "libfaketime.so.1"
# libfaketime takes Python's `time.sleep` (until a monotonic moment) for something that it has to shift, and fails.
SITE = """import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)[0] or None
"""
READ_AGAIN_S = 1
HOUR, DAY = 3600, 86400
JUMPS = {"an-hour-on": HOUR, "two-hours-back": -HOUR, "a-day-on": DAY, "a-day-back": -DAY, "right-again": 0}


@pytest.fixture(scope="module", params=["with-its-database", "alone"])
def clock(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file that says how wrong the clock is. One that the database's user cannot read does not move the database."""
    if not any(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}")):
        pytest.skip("NOT TESTED: without the package faketime no clock can be moved")
    folder = Path(tempfile.mkdtemp(prefix="slipway-clock-"))
    folder.chmod(0o755 if request.param == "with-its-database" else 0o700)
    (folder / "offset").write_text("+0\n")
    (folder / "sitecustomize.py").write_text(SITE)
    yield folder / "offset"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def module_world(clock: Path) -> Iterator[World]:
    library = next(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
    with worlds(
        LD_PRELOAD=str(library),
        PYTHONPATH=str(clock.parent),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_CACHE_DURATION=str(READ_AGAIN_S),
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    ) as made:
        yield made


def turn(clock: Path, offset_s: int) -> None:
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{offset_s:+d}\n")
    fresh.chmod(0o644)
    fresh.rename(clock)
    time.sleep(READ_AGAIN_S + 0.5)


def told_at(alice: Client, session_id: str) -> float:
    """How far from now the server believed the session's last event to be."""
    return datetime.fromisoformat(alice.events(session_id)[-1]["created_at"]).timestamp() - time.time()


class TestE25:
    @pytest.mark.parametrize("jump", JUMPS)
    def test_a_clock_that_jumps_in_mid_turn_ends_nothing(
        self, world: World, alice: Client, clock: Path, jump: str
    ) -> None:
        def during(session_id: str) -> None:
            world.until(streams(world, session_id), "text")
            turn(clock, JUMPS[jump])

        session_id = tell(alice, during=during)

        assert abs(told_at(alice, session_id) - JUMPS[jump]) < 120, "the clock was moved"
        assert_told(world, alice, session_id)

    @pytest.mark.parametrize("jump", ["a-day-on", "a-day-back"])
    def test_people_sign_up_and_work_although_the_clock_is_wrong(self, world: World, clock: Path, jump: str) -> None:
        turn(clock, JUMPS[jump])
        ada = newcomer(world, "ada")

        assert_told(world, ada, tell(ada))
