"""Errors of images and their builds.

Invalid
├── BadImageName        not a name by the registries' grammar (`names`)
├── BadDockerfile       what it asks for is not allowed, or cannot be read; `details` name the lines
├── BadContext          a context that we do not take
├── BuildsNotAllowed    this server builds no images
└── ImageNotAllowed     there is no such image for this organisation
Conflict
├── ImageNotBuilt       the environment's own image has never been built
├── BuildRunning        the environment's image is being built already
├── BuildFinished       there is nothing left to cancel
├── BuildIdTaken        this id was used for another build
└── NoDockerfile        there is nothing to build from
QuotaExceeded
└── TooManyBuilds       of one organisation at one time
BuildStopped            a running build must end: cancelled, or taken over by another worker
"""

from __future__ import annotations

from accounts.errors import Conflict, DomainError, Invalid, QuotaExceeded


class BadDockerfile(Invalid):
    """This Dockerfile cannot be built here."""


class BadContext(Invalid):
    """This context cannot be used."""


class BuildsNotAllowed(Invalid):
    """This server builds no images: its engine would do so with rights that several tenants must not share."""


class ImageNotAllowed(Invalid):
    """There is no such image, or your organisation may not use it."""


class ImageNotBuilt(Conflict):
    """The image of this environment has not been built yet; build it first."""


class BuildRunning(Conflict):
    """The image of this environment is being built already; wait for it, or cancel it."""


class BuildFinished(Conflict):
    """The build has already ended."""


class BuildIdTaken(Conflict):
    """This id belongs to another build; make a new one."""


class NoDockerfile(Conflict):
    """This environment has no Dockerfile; add one first."""


class TooManyBuilds(QuotaExceeded):
    """Your organisation builds as many images as it may at one time; wait for one, or cancel it."""


class BuildStopped(DomainError):
    """The build was cancelled."""
