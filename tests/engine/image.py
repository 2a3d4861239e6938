"""The image that the tests' containers are made of: the recipe of `deploy/sandbox`, kept until the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPE = ROOT / "deploy" / "sandbox"
KEPT = ROOT / ".cache" / "sandbox"


def archive() -> Path:
    """The root file system as a tar file, without the agent's program: sessions are shown the server's own."""
    digest = hashlib.sha256(b"".join((RECIPE / name).read_bytes() for name in ("debootstrap.sh", "packages")))
    path = KEPT / f"{digest.hexdigest()[:16]}.tar"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            for old in KEPT.glob("*.tar*"):
                old.unlink()
            variables = {**os.environ, "WITHOUT_AGENT": "1"}
            subprocess.run([RECIPE / "debootstrap.sh", path], check=True, env=variables)
    return path
