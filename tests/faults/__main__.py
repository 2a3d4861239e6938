"""Faults by one command: `python3 dev faults [--seeds 20 | --seed N | --only kill --times 20 | --only kinds | …]`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
JOURNEYS = HERE.parent / "journeys"
KILL = "test_kill.py::TestTheServerIsKilled"


def main(arguments: list[str]) -> int:
    names = sorted(path.stem.removeprefix("test_") for path in HERE.glob("test_*.py"))
    parser = argparse.ArgumentParser(prog="dev faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many random places to die at")
    parser.add_argument("--seed", type=int, help="only the place that this seed chooses")
    parser.add_argument("--only", choices=[*names, "chaos"], help="one part")
    parser.add_argument("--times", type=int, default=1, help="how often in a row the server is killed at each moment")
    parser.add_argument("--away", type=float, default=60, help="kinds: how many seconds a place is out of reach")
    parser.add_argument("--journeys", action="store_true", help="chaos: the end-to-end journeys instead of stories")
    parser.add_argument("--every", type=float, default=20, help="chaos: seconds between two deaths")
    parser.add_argument("--minutes", type=float, default=5, help="how long chaos reigns")
    given, rest = parser.parse_known_args(arguments)
    seed = {} if given.seed is None else {"FAULT_SEED": str(given.seed)}
    numbers = {"FAULT_ALL": "1", "FAULT_SEEDS": str(given.seeds), "FAULT_TIMES": str(given.times)}
    numbers |= {"FAULT_AWAY_S": str(given.away), **seed}
    if given.journeys:
        numbers |= {"JOURNEYS": "chaos", "CHAOS_EVERY_S": str(given.every), "FAULT_SEED": str(given.seed or 0)}
        command = ["-m", "pytest", "-q", *(rest or [str(JOURNEYS)])]
    elif given.only == "chaos":
        orders = [f"--minutes={given.minutes}", f"--seed={given.seed or 0}", f"--every={given.every}"]
        command = ["-m", "tests.faults.chaos", *orders]
    else:
        chosen = _chosen(given.only, is_random=given.seed is not None, is_repeated=given.times > 1)
        command = ["-m", "pytest", "-q", str(HERE / chosen), *rest]
    return subprocess.call([sys.executable, *command], cwd=HERE.parents[1], env={**os.environ, **numbers})


def _chosen(only: str | None, *, is_random: bool, is_repeated: bool) -> str:
    if only == "kill" and is_repeated:
        return KILL
    if is_random and only in (None, "kill"):
        return "test_kill.py::TestRandomPlaces"
    return f"test_{only}.py" if only else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
