"""What containers and volumes carry, so that they are found again and an operator sees whose they are."""

from __future__ import annotations

from sandbox.spec import DockerSpec

MACHINE = "slipway.machine"
ROOT = "slipway.root"
DEPLOYMENT = "slipway.deployment"
ORGANIZATION = "slipway.organization"
SPARED = "slipway.spared"  # the processor that a container leaves to the others


def of_container(spec: DockerSpec) -> dict[str, str]:
    """What the container is found by, and what tells an operator whose it is."""
    told = {f"slipway.{name}": value for name, value in spec.labels}
    return {**told, MACHINE: spec.machine_id, ROOT: str(spec.root), DEPLOYMENT: spec.deployment}


def of_home(spec: DockerSpec) -> dict[str, str]:
    """Those of the home's volumes, which outlive the machine."""
    return {name: value for name, value in of_container(spec).items() if name in (ROOT, DEPLOYMENT, ORGANIZATION)}
