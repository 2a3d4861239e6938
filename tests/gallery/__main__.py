"""`python3 dev screenshots [folder] [--only word …]`: every page and state, in both themes, at four widths."""

from __future__ import annotations

import argparse
import contextlib
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.gallery import sheet
from tests.gallery.camera import Camera, Shots
from tests.gallery.state import State, states
from tests.gallery.world import World
from tests.journeys.browsing import chromium
from tests.journeys.server import ROOT, running

FOLDER = ROOT / ".cache" / "screenshots"
SETTINGS = {"SLIPWAY_TURNS_PER_USER": "50", "SLIPWAY_TURNS_PER_ORGANIZATION": "50"}


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    wanted = list(states(*options.only))
    options.folder.mkdir(parents=True, exist_ok=True)
    if not has_japanese():
        _say("No font here has Japanese: its pictures show boxes (Debian: apt install fonts-noto-cjk).")
    began = time.monotonic()
    with world(begins=not options.only) as made:
        taken = photograph(made, wanted, options.folder, looks=not options.no_checks, threads=options.threads)
    files, wrong = sum(len(one.files) for one in taken), sum(len(one.wrong) for one in taken)
    head = f"{len(taken)} states, {files} pictures in {time.monotonic() - began:.0f} s; {wrong} things are wrong."
    page = sheet.write(options.folder, taken, head)
    _say(f"{head} {page}")
    return 1 if wrong else 0


def has_japanese() -> bool:
    """Whether the browser can draw it, as far as the system's list of fonts tells."""
    if not (lister := shutil.which("fc-list")):
        return True
    return bool(subprocess.run([lister, ":lang=ja"], capture_output=True, check=False).stdout.strip())


@contextlib.contextmanager
def world(*, begins: bool = True) -> Iterator[World]:
    """The people and their server."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(None, **SETTINGS))
        made = World(server, stack)
        if begins:
            made.begin()
        yield made


def photograph(made: World, wanted: Sequence[State], folder: Path | None, *, looks: bool, threads: int) -> list[Shots]:
    """All of them; those that break a server come last, and by themselves."""
    apart = [one for one in wanted if one.group == "failures"]
    waiting: queue.SimpleQueue[State] = queue.SimpleQueue()
    for one in wanted:
        if one not in apart:
            waiting.put(one)
    taken: list[Shots] = []

    def work(rest: Sequence[State]) -> None:
        with chromium() as browser:
            camera = Camera(browser, folder, looks)
            while True:
                try:
                    one = waiting.get_nowait()
                except queue.Empty:
                    break
                taken.append(_told(camera.take(made, one)))
            for one in rest:
                taken.append(_told(camera.take(made, one)))

    workers = [threading.Thread(target=work, args=([] if number else apart,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    order = {one.title: place for place, one in enumerate(wanted)}
    return sorted(taken, key=lambda one: order[one.state.title])


def _told(shots: Shots) -> Shots:
    _say("\n    ".join([f"{shots.seconds:5.1f} s  {shots.state.title}", *shots.wrong]))
    return shots


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 dev screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where to (%(default)s)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="states in whose names a word is")
    parser.add_argument("--no-checks", action="store_true", help="pictures only: no axe, no measuring")
    parser.add_argument("--threads", type=int, default=2, help="browsers at once (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
