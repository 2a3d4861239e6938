"""Modal: does it answer, does it take the token, is the app there?"""

from __future__ import annotations

from channels.db import database_sync_to_async as in_db

from environments import specs
from environments.configs import ModalConfig
from environments.models import Environment
from environments.probes.base import Status
from environments.secrets import opened
from sandbox.errors import SandboxRefused
from sandbox.modal import looking


async def probe(environment: Environment) -> Status:
    try:
        credential, is_own = specs.modal_credential((await in_db(opened)([environment])).get(environment.pk, {}))
    except SandboxRefused as refusal:
        return Status(True, False, refusal.message)
    app = ModalConfig.model_validate(environment.config).app
    app_exists = await looking.has_app(credential, app)
    return Status(True, details={"app": app, "app_exists": app_exists, "own_token": is_own})
