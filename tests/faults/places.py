"""Environments of every kind that a fault test's server can reach, and what reaches them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sessions.engine import cli
from tests import engine, sshd
from tests.fakes import modal
from tests.fakes.modal import LocalModal
from tests.faults.world import Client, World, worlds

KINDS = ("docker-runc", "docker-runsc", "ssh", "modal")


@dataclass
class Places:
    """A server, and the Docker engine, the SSH server and the local Modal that it may use."""

    world: World
    modal: LocalModal
    remote: Path  # the folder that sandboxes over SSH lie in

    def add(self, client: Client, kind: str) -> str:
        """An environment of a kind, of this client's organisation; its id."""
        name, _, runtime = kind.partition("-")
        config, secrets = getattr(self, f"_{name}")(runtime)
        body = {"organization_id": client.organization_id, "kind": name.upper(), "config": config}
        body |= {"name": f"{kind} {uuid.uuid4().hex[:6]}"}
        return str(client.person.call("POST", "/api/environments", {**body, "secrets": secrets})["id"])

    @contextlib.contextmanager
    def away(self, kind: str) -> Iterator[None]:
        """While the block runs, nothing of this kind can be reached."""
        if kind == "ssh":
            sshd.shared().kill()
        else:
            self.modal.outage("down")
        try:
            yield
        finally:
            if kind == "ssh":
                sshd.shared().start()
            else:
                self.modal.outage("up")

    def lose_volumes(self) -> None:
        """What lies on Modal's volumes is gone; the volumes are there."""
        for path in (self.modal.folder / "volumes").glob("*/*"):
            shutil.rmtree(path)

    def _docker(self, runtime: str) -> tuple[dict[str, Any], dict[str, str]]:
        return {"image": engine.required().image, "runtime": runtime}, {}

    def _ssh(self, _: str) -> tuple[dict[str, Any], dict[str, str]]:
        account = sshd.shared().account
        config = {
            "host": account.host,
            "port": account.port,
            "username": account.username,
            "host_key": account.host_key,
            "work_dir": str(self.remote),
            "agent_path": str(cli.find_cli()),
        }
        return config, {"private_key": account.private_key or ""}

    def _modal(self, _: str) -> tuple[dict[str, Any], dict[str, str]]:
        return {"agent_path": str(cli.find_cli())}, {"token_id": modal.TOKEN_ID, "token_secret": modal.TOKEN_SECRET}


@contextlib.contextmanager
def places() -> Iterator[Places]:
    """All of them, for as long as the block lasts."""
    program = str(cli.find_cli().parent)
    docker = engine.required().url
    with (
        modal.running({program: program}) as local,
        tempfile.TemporaryDirectory(prefix="slw-") as remote,
        worlds(None, SLIPWAY_DOCKER_HOST=docker, **local.environment) as world,
    ):
        yield Places(world, local, Path(remote))
