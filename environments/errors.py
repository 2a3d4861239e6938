"""Errors of environments.

Conflict
└── EnvironmentInUse
Invalid
└── KindNotAvailable
"""

from __future__ import annotations

from accounts.errors import Conflict, Invalid


class EnvironmentInUse(Conflict):
    """Sessions still run in this environment; stop them first."""


class KindNotAvailable(Invalid):
    """This kind of environment cannot be used here."""
