"""Sent whole with every command over SSH, before anything of ours is on the machine: finds the archive and runs it.

Its one argument is base64 of {"base", "archive", "digest", "request"}; what it prints is one line that begins with
"slipway:". It is read by whatever `python3` the machine has, so it is plain Python of any version.
"""

import base64
import hashlib
import json
import os
import stat
import sys


def main(text):
    wanted = json.loads(base64.b64decode(text).decode("ascii"))
    if sys.version_info < (3, 8):
        return {"error": "python", "version": "%d.%d.%d" % sys.version_info[:3]}
    base = os.path.expanduser(wanted["base"])
    folder = os.path.join(base, ".guest")
    try:
        for path in (base, folder):
            make_own(path)
    except OSError as error:
        return {"error": "folder", "path": base, "reason": error.strerror or str(error)}
    archive = os.path.join(folder, wanted["archive"])
    if digest(archive) != wanted["digest"]:
        return {"error": "archive", "path": archive}
    sys.argv = [archive]
    sys.path.insert(0, archive)
    from guest import machine

    return machine.answer(base, wanted["request"])


def make_own(path):
    """A folder of this account that nobody else can change anything in; one that is there is left as it is."""
    os.makedirs(path, 0o700, exist_ok=True)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(1, "it is a link, or belongs to another account")
    if found.st_mode & 0o022:
        raise OSError(1, "other accounts may write there; name a folder of its own")


def digest(path):
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


if __name__ == "__main__":
    said = main(sys.argv[1])
    sys.stdout.write("\nslipway:" + json.dumps(said) + "\n")
    sys.stdout.flush()
