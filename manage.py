#!/usr/bin/env python3
"""Django's command line; starts or finds the embedded database first when no DATABASE_URL is set."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config import postgres
    from config.env import env

    if env.database_url or sys.argv[1:2] == ["doctor"]:  # which must be able to say what ails the database
        execute_from_command_line(sys.argv)
    else:
        try:
            with postgres.running(env.data_dir):
                execute_from_command_line(sys.argv)
        except postgres.PostgresUnavailable as error:
            sys.exit(f"error: {error}")
    if sys.argv[1:2] == ["serve"]:
        from config import serving

        serving.leave_threads_behind(0)


if __name__ == "__main__":
    main()
