"""The SSH key of a machine, asked for before anybody trusts it."""

from __future__ import annotations

import re

from accounts.errors import Invalid
from environments import configs, specs
from sandbox.errors import SandboxError


async def fetch(host: str, port: int) -> dict[str, str]:
    """`{"key", "algorithm", "fingerprint"}` that the machine shows at the moment.

    Raises: Invalid (no name of a host, or nobody answers there as a machine does).
    """
    # Imported here: it takes half a second, and most processes never need it.
    from sandbox.ssh.dialing import fetch_host_key

    if not re.fullmatch(configs.NAME, host):
        raise Invalid.field("host", configs.FORMS["host"])
    try:
        found = await fetch_host_key(host, port, must_be_public=specs.must_be_public(host, port))
    except SandboxError as error:
        raise Invalid.field("host", error.message) from error
    return {"key": found.text, "algorithm": found.algorithm, "fingerprint": found.fingerprint}
