"""What our images say of themselves to the engine; whose an image is stands in our rows."""

from __future__ import annotations

import uuid

from environments.images.models import ImageBuild

BUILDING = "slipway.building"  # of what is on the way; empty in an image that is complete
DEPLOYMENT = "slipway.image.deployment"
ENVIRONMENT = "slipway.image.environment"
BUILD = "slipway.image.build"


def building(build: ImageBuild, deployment: str) -> dict[str, str]:
    """The environment in every layer: no other one finds them in the engine's cache."""
    return {BUILDING: str(build.environment_id), DEPLOYMENT: deployment}


def finished(build: ImageBuild, deployment: str) -> dict[str, str]:
    return {
        BUILDING: "",
        DEPLOYMENT: deployment,
        "slipway.image.organization": str(build.organization_id),
        ENVIRONMENT: str(build.environment_id),
        BUILD: str(build.pk),
    }


def leftovers(environment_id: uuid.UUID) -> str:
    """The filter that finds what builds of this environment have left on their way."""
    return f"{BUILDING}={environment_id}"


def ours(deployment: str) -> str:
    """The filter that finds all that this deployment has built, or begun to."""
    return f"{DEPLOYMENT}={deployment}"
