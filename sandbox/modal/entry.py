"""What runs in a Modal sandbox: its first process, which becomes the guest, and the trunk that our line talks to."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from sandbox import folders, guest_archive, inside
from sandbox.carrier import API
from sandbox.spec import ModalSpec

KEPT = "/run/slipway/kept"
SOCKET = f"{inside.STATE}/{inside.SOCKET}"
SKILLS = "/opt/slipway/skills"
OWNED = (inside.WORK, inside.HOME, inside.STATE, inside.GATEWAY, KEPT)

# Modal starts commands as root, whatever user an image names.
BECOME = [
    "python3",
    "-I",
    "-S",
    "-X",
    "utf8",
    inside.ARCHIVE,
    "become",
    "--uid",
    str(inside.UID),
    "--gid",
    str(inside.GID),
]


def archive() -> Path:
    """The guest's archive on this machine."""
    folder = Path(tempfile.gettempdir()) / f"slipway-guest-{os.geteuid()}"
    folders.make_private(folder)
    return guest_archive.guest_archive(folder)


def first_command(spec: ModalSpec) -> list[str]:
    """The sandbox's first process: it looks whether the guest came over whole, and becomes it."""
    digest = hashlib.sha256(guest_archive.archive_bytes()).hexdigest()
    prepare = ["--own", *OWNED, "--sha256", digest]
    if spec.skills_volume:
        prepare += ["--link", SKILLS, f"{inside.HOME}/.claude/skills"]
    guest = ["serve", "--socket", SOCKET, "--subreaper", "--label", spec.machine_id, "--lifetime", str(spec.lifetime_s)]
    guest += ["--home", inside.HOME, "--work", inside.WORK, "--state", inside.STATE, "--gateway", inside.GATEWAY]
    outlet = ["--outlet", API] if spec.gateway_dir is not None else []
    return [*BECOME, *prepare, "--", *guest, *outlet, "--kept", KEPT]


def trunk_command() -> list[str]:
    """What one long exec runs."""
    return [*BECOME, "--", "trunk", SOCKET]
