"""Where things are inside this sandbox."""

from __future__ import annotations

import os
import re
from typing import Dict

from guest.errors import Fail

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Places:
    """The folders of a sandbox: home, work tree, and the guest's own state."""

    def __init__(self, *, home: str, work: str, state: str, gateway: str) -> None:
        self.home = home
        self.work = work
        self.state = state
        self.gateway = gateway

    def run(self, name: str) -> str:
        """The folder of one agent run."""
        return os.path.join(self.state, "runs", checked_name(name))

    def environment(self, label: str) -> Dict[str, str]:
        """What every process in the sandbox starts with, and nothing of the server's."""
        from guest.children import PATH

        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return {
            "PATH": PATH,
            "HOME": self.home,
            "USER": "agent",
            "LOGNAME": "agent",
            "SHELL": shell,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "SLIPWAY_SANDBOX": label,
        }


def checked_name(name: str) -> str:
    """A name that may be part of a path."""
    if not NAME.fullmatch(name):
        raise Fail("bad_request", "A name consists of at most 128 letters, digits, dots, dashes and underscores.")
    return name
