"""Which images an organisation may use: its own, and those that the operator allows for all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.conf import settings

from environments.images import names, rules
from environments.images.errors import BuildsNotAllowed, ImageNotAllowed
from environments.images.names import ImageName
from environments.models import Environment


def allowed_for_all() -> list[str]:
    """The operator's patterns; where none are set, whoever has the server for themselves may use what there is."""
    if settings.DOCKER_IMAGES:
        return list(settings.DOCKER_IMAGES)
    return ["*"] if settings.TENANCY == "single" else []


@dataclass(frozen=True)
class Allowance:
    """What one organisation may use, looked up once."""

    own: frozenset[uuid.UUID]  # its environments
    patterns: list[str]

    @classmethod
    def of(cls, organization_id: uuid.UUID) -> Allowance:
        ids = Environment.objects.filter(organization_id=organization_id).values_list("pk", flat=True)
        return cls(frozenset(ids), allowed_for_all())

    def covers(self, name: ImageName) -> bool:
        """Whether the organisation may use this image; of another tenant's it cannot tell whether it exists."""
        return name.environment_id in self.own if name.is_ours else names.matches(name, self.patterns)


def require_image(config: object, organization_id: uuid.UUID) -> None:
    """A configuration names an image that the organisation may use, or none. Raises: ImageNotAllowed."""
    text = getattr(config, "image", "")
    if text and not Allowance.of(organization_id).covers(names.parse(text)):
        raise ImageNotAllowed.field("config.image", ImageNotAllowed().message)


def check(text: str, organization_id: uuid.UUID) -> rules.Checked:
    """A Dockerfile, as this organisation may build it."""
    return rules.check(text, may_use=Allowance.of(organization_id).covers)


def builds_are_allowed() -> bool:
    """The engine builds with its own rights, which only those may use who trust one another."""
    return settings.TENANCY == "single" and settings.DOCKER_BUILDS is not False


def require_builds() -> None:
    """Raises: BuildsNotAllowed."""
    if not builds_are_allowed():
        raise BuildsNotAllowed
