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


def leftovers(environment_id: uuid.UUID | str, deployment: str) -> dict[str, str]:
    """What finds all that builds of this environment have left on their way; of all environments without an id."""
    return {BUILDING: str(environment_id), DEPLOYMENT: deployment}


def ours(deployment: str, environment_id: uuid.UUID | None = None) -> dict[str, str]:
    """What finds all that this deployment has built, for this environment or for any.

    A server whose database was copied to ours has environments of the same ids.
    """
    return {DEPLOYMENT: deployment} | ({ENVIRONMENT: str(environment_id)} if environment_id else {})
