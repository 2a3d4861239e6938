"""Whether a place can be used right now, asked of the place itself; one module a kind."""

from environments.probes.base import Probe, Status

__all__ = ["Probe", "Status"]
