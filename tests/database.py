"""Early pytest plugin: one embedded PostgreSQL for the whole run, started before Django reads its settings."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

# xdist's workers inherit SLIPWAY_DATA_DIR and so the server.
if "DATABASE_URL" not in os.environ and "SLIPWAY_DATA_DIR" not in os.environ:
    _data = Path(tempfile.mkdtemp(prefix="slipway-test-"))
    os.environ["SLIPWAY_DATA_DIR"] = str(_data)
    os.environ["PREPARED_DATABASE"] = str(_data / "prepared")
    from config import postgres

    _place = postgres.place(_data)
    _lease = postgres.start(_place, is_throwaway=True)

    @atexit.register
    def _stop_database() -> None:
        with contextlib.suppress(Exception):
            _lease.release()
        for place in (_place, postgres.place(_data / "prepared")):
            shutil.rmtree(place.root, ignore_errors=True)
        shutil.rmtree(_data, ignore_errors=True)
