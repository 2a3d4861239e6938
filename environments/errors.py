"""Errors of environments.

Conflict
├── EnvironmentInUse    sessions still run in it; `details` names them
├── EnvironmentIdTaken  this id was used for another environment
└── CheckFinished       there is no test to cancel
Invalid
└── KindNotAvailable    this deployment has no such environments
"""

from __future__ import annotations

from accounts.errors import Conflict, Invalid


class EnvironmentInUse(Conflict):
    """Sessions still run in this environment; stop them first."""


class EnvironmentIdTaken(Conflict):
    """This id belongs to another environment, or to one that was deleted; make a new one."""


class CheckFinished(Conflict):
    """This test is over already."""


class KindNotAvailable(Invalid):
    """This kind of environment cannot be used here."""
