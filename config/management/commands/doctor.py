"""`manage.py doctor`: what is missing here, and how to mend it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config import doctor

SIGNS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


class Command(BaseCommand):
    help = "Check what Slipway needs; the exit code is 1 when something is missing."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"{SIGNS[finding.level]}  {finding.name}: {finding.detail}")
                if finding.mend:
                    self.stdout.write(f"         -> {finding.mend}")
        if any(finding.level == "error" for finding in findings):
            raise SystemExit(1)
