"""Where things are inside a sandbox, and who the agent is there: the same in every kind that can choose."""

from __future__ import annotations

HOME = "/home/agent"
WORK = "/workspace"
STATE = "/run/slipway/state"
GATEWAY = "/run/slipway/gateway"
ARCHIVE = "/run/slipway/guest.pyz"
SOCKETS = "/run/slipway/socket"  # the folder of the guest's own socket, where it makes one
SOCKET = "guest.sock"

UID = GID = 1000

# A small /etc of its own.
PASSWD = f"root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:{UID}:{GID}:agent:{HOME}:/bin/bash\n"
GROUP = f"root:x:0:\nagent:x:{GID}:\n"
