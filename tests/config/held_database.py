"""A process for the tests of `config.postgres`: holds a server until its input ends, as some user."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

from config import postgres

if __name__ == "__main__":
    if len(sys.argv) > 2:  # only now, since the user may not be able to read the interpreter's own files
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    try:
        with postgres.running(Path(sys.argv[1])) as here, psycopg.connect(here.dsn()) as connection:
            row = connection.execute("select current_user").fetchone()
            print(row[0] if row else "", flush=True)
            sys.stdin.read()
    except postgres.PostgresUnavailable as error:
        sys.exit(f"unavailable: {error}")
