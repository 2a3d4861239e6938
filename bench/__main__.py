"""`python3 -m bench`: measure, and print the table."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from bench import api, containers, create, distant, figures, idle, jobs, machine, modal, pages, stream, warm
from bench.figures import Figure
from tests.journeys.server import ROOT

PART_S = 600.0  # what a part may take at most
PAGE = ROOT / "docs" / "performance.md"
SERVER = ("<!-- measured -->", "<!-- end -->")
PAGES = ("<!-- measured pages -->", "<!-- end of pages -->")
SANDBOXES = ("<!-- measured sandboxes -->", "<!-- end of sandboxes -->")
MARKS = {"pages": PAGES} | dict.fromkeys(("containers", "ssh", "modal", "warm"), SANDBOXES)  # of other parts: SERVER


def main(arguments: Sequence[str]) -> int:
    """Run the chosen parts one after the other."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    described = machine.describe()
    print(described, flush=True)
    found: dict[tuple[str, str], list[Figure]] = {SERVER: [], PAGES: [], SANDBOXES: []}
    missed: list[str] = []
    for name in options.parts or parts:
        began = time.monotonic()
        try:
            found[MARKS.get(name, SERVER)] += asyncio.run(_bounded(parts[name]()))
        except Exception as error:  # the other parts are worth having
            missed.append(name)
            traceback.print_exception(error)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"\n{figures.table([one for part in found.values() for one in part])}")
    if missed:
        print(f"not measured: {', '.join(missed)}", file=sys.stderr)
        return 1
    for marks, part in found.items():
        if options.write and part:
            _write(f"{described}.\n\n`python3 -m bench {' '.join(arguments)}`\n\n{figures.table(part)}\n", marks)
    return 0


async def _bounded(part: Coroutine[Any, Any, list[Figure]]) -> list[Figure]:
    async with asyncio.timeout(PART_S):
        return await part


def _write(measured: str, marks: tuple[str, str]) -> None:
    """Put the table where the document has it, between its two marks."""
    begin, end = marks
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{measured}{end}{after}")


def _parts(options: argparse.Namespace) -> dict[str, Callable[[], Coroutine[Any, Any, list[Figure]]]]:
    rounds = {"rounds": options.rounds} if options.rounds else {}
    sessions = {"sessions": options.sessions} if options.sessions else {}
    return {
        "create": lambda: create.measure(replace(create.Size(), **rounds)),
        "stream": lambda: stream.measure(replace(stream.Size(), **rounds, **sessions)),
        "idle": lambda: idle.measure(idle.Size()),
        "jobs": lambda: jobs.measure(jobs.Size()),
        "pages": lambda: pages.measure(replace(pages.Size(), **({"loads": options.rounds} if options.rounds else {}))),
        "containers": lambda: containers.measure(replace(containers.Size(), **rounds)),
        "ssh": lambda: distant.measure(replace(distant.Size(), **rounds)),
        "modal": lambda: modal.measure(replace(modal.Size(), **rounds)),
        "api": lambda: api.measure(replace(api.Size(), **rounds)),
        "warm": lambda: warm.measure(replace(warm.Size(), **rounds)),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="part",
        help="create, stream, idle, jobs, pages, containers, ssh, modal, api, warm; all when none is named",
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--rounds", type=int, help="how often each figure is measured")
    parser.add_argument("--sessions", type=int, nargs="+", help="numbers of sessions that stream at once")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
