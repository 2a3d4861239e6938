"""The doctor's look at places elsewhere where sandboxes run: a Docker engine, Modal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from django.conf import settings

from config.findings import Finding
from environments import isolation, specs
from environments.configs import ModalConfig
from sandbox import lending
from sandbox.docker.engine import engine
from sandbox.errors import BackendUnavailable, SandboxError
from sandbox.spec import ModalCredential

APP = ModalConfig().app
SETUP = "run `python manage.py modal_setup`"


def _refused(name: str, error: SandboxError, mend: str) -> Finding:
    if isinstance(error, BackendUnavailable):
        return Finding(name, "error", error.problem, error.hint)
    return Finding(name, "error", error.message, mend)


def check_docker() -> Finding:
    """Only those need an engine who run sessions in containers; with several tenants it must have gVisor."""
    try:
        found = asyncio.run(_docker_engine())
    except SandboxError as error:
        if settings.DOCKER_HOST:
            return _refused("docker", error, "correct SLIPWAY_DOCKER_HOST")
        return Finding("docker", "ok", "no engine answers: there are no sessions in containers")
    missing = [name for name in isolation.runtimes() if name not in found["Runtimes"]]
    detail = f"{found['ServerVersion']} with {', '.join(sorted(found['Runtimes']))}"
    if missing:
        level: Literal["warning", "error"] = "error" if isolation.is_shared() else "warning"
        mend = f"name {', '.join(missing)} in the engine's daemon.json, or change SLIPWAY_DOCKER_RUNTIMES"
        return Finding("docker", level, f"{detail}, but without {', '.join(missing)}", mend)
    return Finding("docker", "ok", detail)


async def _docker_engine() -> dict[str, Any]:
    async with engine(settings.DOCKER_HOST or None, timeout_s=10) as client:
        return dict(await client.system.info())


def check_modal() -> list[Finding]:
    """What a session at Modal needs, of the deployment's own workspace; environments with a token say how they are."""
    if not (settings.MODAL_TOKEN_ID or settings.MODAL_TOKEN_SECRET):
        return [Finding("modal", "ok", "no token of the deployment: only environments with their own run there")]
    if not (settings.MODAL_TOKEN_ID and settings.MODAL_TOKEN_SECRET):
        mend = "set SLIPWAY_MODAL_TOKEN_ID and SLIPWAY_MODAL_TOKEN_SECRET, both halves of one token"
        return [Finding("modal token", "error", "only half of it is set", mend)]
    return asyncio.run(_modal())


async def _modal() -> list[Finding]:
    # Imported here: the client takes a while, and most deployments never need it.
    from sandbox.modal import looking

    credential = ModalCredential(settings.MODAL_TOKEN_ID, settings.MODAL_TOKEN_SECRET)
    try:
        has_app = await looking.has_app(credential, APP)
    except SandboxError as error:
        return [_refused("modal token", error, "see the message")]
    app = Finding("modal app", "ok", APP) if has_app else Finding("modal app", "warning", "none yet", SETUP)
    image = await _modal_image(credential)
    volumes = Finding("modal volumes", "ok", "made for each organisation with its first session")
    return [Finding("modal token", "ok", "taken"), app, image, volumes, await _modal_skills(credential)]


async def _modal_image(credential: ModalCredential) -> Finding:
    from sandbox.modal import looking

    kept = read_image()
    if kept is None:
        return Finding("modal image", "warning", "not built from here: the first session waits for it", SETUP)
    if kept["agent_version"] != specs.pinned_version():
        detail = f"built with Claude Code {kept['agent_version']}, now {specs.pinned_version()} is wanted"
        return Finding("modal image", "warning", detail, SETUP)
    if not await looking.has_image(credential, APP, kept["image_id"]):
        return Finding("modal image", "warning", f"Modal has {kept['image_id']} no longer", SETUP)
    return Finding("modal image", "ok", f"{kept['image_id']}, Claude Code {kept['agent_version']}")


async def _modal_skills(credential: ModalCredential) -> Finding:
    from sandbox.modal import looking

    name = settings.MODAL_SKILLS_VOLUME
    if not name:
        return Finding("modal skills", "ok", "none are shown: SLIPWAY_MODAL_SKILLS_VOLUME is not set")
    if await looking.has_volume(credential, name):
        return Finding("modal skills", "ok", f"volume {name}")
    mend = f"run `python manage.py upload_skills FOLDER`, which makes the volume {name}"
    return Finding("modal skills", "warning", f"there is no volume {name}", mend)


def image_record() -> Path:
    """Where it is noted which image was built from here."""
    return Path(settings.DATA_DIR) / "modal-image.json"


def read_image() -> dict[str, str] | None:
    """`{"image_id", "agent_version"}`; None when none was built, or the note cannot be read."""
    try:
        kept = json.loads(image_record().read_text())
        return {name: str(kept[name]) for name in ("image_id", "agent_version")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_ssh_agent() -> list[Finding]:
    """Whether the agent that is to be lent is there, and has keys."""
    path = isolation.lent_agent()
    if path is None:
        return []
    try:
        count = asyncio.run(lending.count_keys(path))
    except (OSError, lending.BadMessage) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no SSH agent"
        mend = "start an ssh-agent there that runs as the server's user, or unset SLIPWAY_SSH_AGENT"
        return [Finding("ssh agent", "error", f"{path}: {reason}", mend)]
    if not count:
        return [Finding("ssh agent", "warning", f"{path} has no key", f"SSH_AUTH_SOCK={path} ssh-add FILE")]
    return [Finding("ssh agent", "ok", f"{path} lends {count} keys to agents" if count > 1 else f"{path} lends a key")]


CHECKS: list[Callable[[], Finding | list[Finding]]] = [check_docker, check_modal, check_ssh_agent]
