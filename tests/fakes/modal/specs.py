"""What a sandbox on the local Modal is made of, for whoever tries or measures some."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.spec import ModalSpec


def modal_spec(**fields: Any) -> ModalSpec:
    """A spec for a new sandbox on files of its own, with the token of the environment's variables."""
    defaults: dict[str, Any] = {
        "machine_id": uuid.uuid4().hex,
        "home_id": str(uuid.uuid4()),
        "organization_id": str(uuid.uuid4()),
        "deployment": "tests",
        "labels": (),
        "credential": None,
        "app": "slipway",
        "image": "",
        "agent_version": "1.0.0",
        "cpus": 1.0,
        "memory_mb": 1024,
        "block_network": True,
        "domains": (),
        "skills_volume": "",
        "gateway_dir": None,
        "lifetime_s": 600,
        "idle_timeout_s": 600,
        "longest_s": 3600,
    }
    return ModalSpec(**(defaults | fields))
