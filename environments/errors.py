"""Errors of environments.

Conflict
├── EnvironmentInUse    sessions still run in it
└── EnvironmentIdTaken  this id was used for another environment
Invalid
└── KindNotAvailable    this deployment has no such environments
"""

from __future__ import annotations

from accounts.errors import Conflict, Invalid


class EnvironmentInUse(Conflict):
    """Sessions still run in this environment; stop them first."""


class EnvironmentIdTaken(Conflict):
    """This id belongs to another environment; make a new one."""


class KindNotAvailable(Invalid):
    """This kind of environment cannot be used here."""
