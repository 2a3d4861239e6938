"""What an environment shows of the agent's own configuration, put where the agent's program looks for it."""

from __future__ import annotations

import uuid

import structlog
from channels.db import database_sync_to_async as in_db

from environments import credentials
from sandbox import Sandbox
from sessions.engine.whereabouts import environment_now

logger = structlog.get_logger(__name__)

PLACES = {"claude": ".claude", "config/claude": ".config/claude"}  # below the home
# Links: the program keeps its conversations beside them. What the agent has of its own under a name stays; links of
# ours whose file is gone go.
LINK = """shown=$1 home=$2; shift 2
while [ $# -gt 0 ]; do
  from=$shown/$1 to=$home/$2; shift 2
  mkdir -p "$to" || exit 1
  for one in "$to"/* "$to"/.[!.]*; do
    [ -L "$one" ] && [ ! -e "$one" ] && case $(readlink "$one") in "$shown"/*) rm -f "$one";; esac
  done
  for one in "$from"/* "$from"/.[!.]*; do
    [ -e "$one" ] && [ ! -e "$to/${one##*/}" ] && ln -s "$one" "$to/"
  done
done
exit 0"""


async def show(sandbox: Sandbox, session_id: uuid.UUID, home: str) -> None:
    """Where the session's environment says so; an agent that cannot have it works without."""
    environment = await in_db(environment_now)(session_id)
    if environment is None or not credentials.is_shown(environment) or not sandbox.capabilities.can_mount:
        return
    pairs = [name for pair in PLACES.items() for name in pair]
    done = await sandbox.guest.run(["/bin/sh", "-c", LINK, "sh", credentials.SHOWN, home, *pairs])
    if done.exit_code != 0:
        logger.warning("configuration_not_shown", session_id=str(session_id), said=done.stderr[-500:])
