"""`python3 -m bench`: measure, and print the table."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from bench import api, create, figures, machine, memory, stream
from bench.figures import Figure


def main(arguments: Sequence[str]) -> int:
    """Run the chosen parts one after the other."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    print(machine.describe(), flush=True)
    found: list[Figure] = []
    for name in options.parts or parts:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found += asyncio.run(parts[name]())
    print(f"\n{figures.table(found)}")
    return 0


def _parts(options: argparse.Namespace) -> dict[str, Callable[[], Awaitable[list[Figure]]]]:
    sizes = (create.Size(), stream.Size(), memory.Size(), api.Size())
    creation, streaming, resting, calling = (_with_rounds(size, options.rounds) for size in sizes)
    streaming = replace(streaming, sessions=options.sessions or streaming.sessions)
    return {
        "create": lambda: create.measure(creation),
        "stream": lambda: stream.measure(streaming),
        "memory": lambda: memory.measure(resting),
        "api": lambda: api.measure(calling),
    }


def _with_rounds(size, rounds):
    return replace(size, rounds=rounds) if rounds and hasattr(size, "rounds") else size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help="create, stream, memory, api; all when none is named")
    parser.add_argument("--rounds", type=int, help="how often each figure is measured")
    parser.add_argument("--sessions", type=int, nargs="+", help="numbers of sessions that stream at once")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
