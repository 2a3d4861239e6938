"""`manage.py upload_skills FOLDER`: what agents at Modal find as their skills."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from environments import specs
from sandbox.errors import SandboxError


class Command(BaseCommand):
    help = (
        "Make the Modal volume that SLIPWAY_MODAL_SKILLS_VOLUME names hold what the folder holds; only what has "
        "changed is sent. Sandboxes that start afterwards show it read-only as the agent's skills."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="one folder for each skill, with a SKILL.md")

    def handle(self, *args: Any, **options: Any) -> None:
        # Imported here: the client takes a while to load.
        from sandbox.modal import setting_up

        name = settings.MODAL_SKILLS_VOLUME
        if not name:
            raise CommandError("Set SLIPWAY_MODAL_SKILLS_VOLUME to the name of the volume, such as slipway-skills.")
        try:
            credential = specs.deployment_credential()
            done = asyncio.run(setting_up.upload_skills(credential, name, options["folder"]))
        except SandboxError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{name}: {done.sent} sent, {done.kept} there already, {done.removed} removed")
