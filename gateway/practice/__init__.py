"""The practice model: stands in for the vendor where no key is configured, and never pretends to be a real model."""

from __future__ import annotations

from gateway.practice.answers import Reply, StreamDropped
from gateway.practice.model import count, respond

__all__ = ["Reply", "StreamDropped", "count", "respond"]
