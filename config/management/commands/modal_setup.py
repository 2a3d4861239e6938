"""`manage.py modal_setup`: make ready at Modal what sessions there need."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import places
from environments import specs
from environments.deployment import deployment_id
from environments.models import Environment, EnvironmentKind
from environments.specs import Facts, Wanted
from sandbox.errors import SandboxError
from sandbox.spec import ModalSpec

NO_VOLUMES = (
    "volumes  none to make: no organisation has a Modal environment without a token of its own. Add one (Settings, "
    "Environments, Add, Modal) and run this again, or leave it to the first session there."
)


class Command(BaseCommand):
    help = (
        "Build the image at Modal (its log is printed as it comes) and make the volumes of organisations with a Modal "
        "environment, by the deployment's token. Repeatable. No secret is put at Modal: agents never see a key."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        # Imported here: the client takes a while to load.
        from sandbox.modal import setting_up

        try:
            credential = specs.deployment_credential()
            version = specs.pinned_version()
            rows = Environment.objects.filter(kind=EnvironmentKind.MODAL).select_related("organization")
            wanted = [spec for row in rows if (spec := _spec(row)) is not None]
            image_id = asyncio.run(setting_up.build_image(credential, places.APP, "", version))
            self.stdout.write(f"image    {image_id}, Claude Code {version}")
            record = {"image_id": image_id, "agent_version": version}
            settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
            places.image_record().write_text(json.dumps(record))
            if not wanted:
                self.stdout.write(NO_VOLUMES)
            for spec in wanted:
                for name in asyncio.run(setting_up.make_volumes(spec)):
                    self.stdout.write(f"volume   {name}")
        except SandboxError as error:
            raise CommandError(error.message) from error


def _spec(environment: Environment) -> ModalSpec | None:
    """What sessions of the environment would be made of; None when it has a token of its own, or half of one."""
    facts = Facts(deployment_id())
    if environment.secrets.exists():
        return None
    made = specs.spec_for(Wanted(environment=environment, facts=facts, machine_id="nobody", home_id=specs.NOBODY))
    return made if isinstance(made, ModalSpec) else None
