"""`python -m tests.engine.hold FOLDER OWNER`: holds the run's engine until told to stop or until its owner has died."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path

from tests.engine import IMAGE, image
from tests.engine.daemon import Daemon


def main(folder: Path, owner: int) -> None:
    """Make the engine, say in `state` that it is there or why not, and take it away at the end."""
    woken, waker = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.close(waker))
    watched = os.pidfd_open(owner)
    daemon = Daemon(folder)
    try:
        _tell(folder, _make(daemon))
        select.select([woken, watched], [], [])
    finally:
        daemon.remove()


def _make(daemon: Daemon) -> str:
    """What went wrong; empty when nothing did."""
    try:
        archive = image.archive()
        daemon.start()
        daemon.import_image(archive, IMAGE)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _tell(folder: Path, error: str) -> None:
    (folder / "state.part").write_text(json.dumps({"error": error}))
    (folder / "state.part").rename(folder / "state")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
