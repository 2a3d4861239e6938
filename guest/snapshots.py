"""The work tree as a commit, without touching HEAD, index or files; and the pack that carries it away."""

from __future__ import annotations

import os
import stat
import subprocess
import uuid
from typing import Any, Dict, List, Optional, Set, Tuple

from guest import wire
from guest.conversation import Call
from guest.errors import Fail
from guest.git import Git, words
from guest.repository import checked_commit

MAX_FILE_BYTES = 100 * 1024 * 1024
MAX_NOTES = 100
ATTEMPTS = 3
IDENTITY = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
}


def snapshot(call: Call) -> Dict[str, Any]:
    """Commit what is in the work tree; a clean one without `parent` is HEAD itself."""
    git = Git(call)
    git_folder = git.require_repository()
    head = git.commit("HEAD")
    parent = call.optional("parent")
    if parent is not None and git.commit(checked_commit(parent)) is None:
        raise Fail("git_failed", "The parent %s is not in this repository." % parent)
    index = os.path.join(call.daemon.places.state, "index-%s" % uuid.uuid4().hex)
    try:
        tree, notes = write_tree(git.with_index(index), git_folder, index, call.daemon.places.work, head)
    finally:
        for path in (index, index + ".lock"):
            if os.path.lexists(path):
                os.unlink(path)
    is_dirty = tree != (git.text("rev-parse", head + "^{tree}") if head else None)
    if head is not None and not is_dirty and parent is None:
        return {"commit": head, "is_dirty": False, "notes": notes}
    commit = _commit(call, tree, parent or head, call.text("message"))
    return {"commit": commit, "is_dirty": is_dirty, "notes": notes}


def send_pack(call: Call) -> Dict[str, Any]:
    """Send a pack of everything that `commit` reaches and `known` does not."""
    git = Git(call)
    git.require_repository()
    commit = checked_commit(call.text("commit"))
    lines = [commit] + ["^" + known for known in _present(git, call.texts("known"))]
    child = git.spawn(["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"], stdin=subprocess.PIPE)
    try:
        # Git reads all revisions before it writes, and takes less than a pipe's worth or reads on.
        child.stdin.write("".join(line + "\n" for line in lines).encode("ascii"))
        child.stdin.close()
        while True:
            data = os.read(child.stdout.fileno(), wire.CHUNK)
            if not data:
                break
            call.wire.send(wire.DATA, data)
        error = child.stderr.read(65536)
        child.ended.wait()
        if child.exit_code != 0:
            raise Fail("git_failed", "git pack-objects: %s" % words(error))
    finally:
        child.kill_group()
        child.ended.wait()
        child.close()
    return {}


def write_tree(git: Git, git_folder: str, index: str, work: str, head: Optional[str]) -> Tuple[str, List[str]]:
    """What is in the work tree as a tree, which the index of `git` has then; and notes of what was left out."""
    for attempt in range(1, ATTEMPTS + 1):
        # The user's index spares hashing what has not changed; when it is damaged, the commit's own list is enough.
        if attempt == ATTEMPTS or not _copy_index(os.path.join(git_folder, "index"), index):
            _fresh_index(git, index, head)
        try:
            changes = _Changes(git, work)
            git.run("update-index", "--force-remove", "-z", "--stdin", data=_joined(changes.removed))
            git.run("update-index", "--add", "--replace", "-z", "--stdin", data=_joined(changes.present))
            return git.text("write-tree"), changes.told()
        except Fail as error:
            # A file may have gone between being listed and being read: look again.
            if attempt == ATTEMPTS or error.code != "git_failed":
                raise
    raise AssertionError


class _Changes:
    """What in the work tree differs from the index: to be removed, to be taken in, or to be left out with a note."""

    def __init__(self, git: Git, work: str) -> None:
        self.removed: List[bytes] = []
        self.present: List[bytes] = []
        self._notes: List[str] = []
        self._work = os.fsencode(work)
        self._real: Dict[bytes, bool] = {b"": True}
        listed = git.run("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard")
        unmerged = git.run("ls-files", "-z", "--unmerged")
        paths: Set[bytes] = set(listed.split(b"\0")) | {line.partition(b"\t")[2] for line in unmerged.split(b"\0")}
        for path in sorted(paths - {b""}):
            self._sort_in(path)

    def told(self) -> List[str]:
        """The notes, not too many of them."""
        more = len(self._notes) - MAX_NOTES
        return self._notes[:MAX_NOTES] + (["… and %d more" % more] if more > 0 else [])

    def _sort_in(self, path: bytes) -> None:
        place = os.path.join(self._work, path)
        try:
            found = os.lstat(place) if self._has_real_parents(path) else None
        except (FileNotFoundError, NotADirectoryError):
            found = None
        except OSError as error:
            return self._leave_out(path, error.strerror or "unreadable")
        if found is None:
            self.removed.append(path)
        elif path.endswith(b"/") or (stat.S_ISDIR(found.st_mode) and os.path.lexists(os.path.join(place, b".git"))):
            self._leave_out(path, "a repository of its own")
        elif stat.S_ISDIR(found.st_mode):
            self.removed.append(path)
        elif stat.S_ISLNK(found.st_mode):
            self.present.append(path)
        elif not stat.S_ISREG(found.st_mode):
            self._leave_out(path, "not a regular file")
        elif found.st_size > MAX_FILE_BYTES:
            self._leave_out(path, "larger than %d MiB" % (MAX_FILE_BYTES // 2**20))
        elif not os.access(place, os.R_OK):
            self._leave_out(path, "not readable")
        else:
            self.present.append(path)

    def _has_real_parents(self, path: bytes) -> bool:
        """False when a folder on the way has become a link: git keeps nothing beyond links."""
        folder = os.path.dirname(path.rstrip(b"/"))
        if folder not in self._real:
            is_link = os.path.islink(os.path.join(self._work, folder))
            self._real[folder] = not is_link and self._has_real_parents(folder)
        return self._real[folder]

    def _leave_out(self, path: bytes, reason: str) -> None:
        self._notes.append("%s was left out: %s" % (path.decode("utf-8", "replace")[:300], reason))


def _copy_index(source: str, target: str) -> bool:
    """Copy the index together with its time, by which git knows which entries it must not trust."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return False
        with open(target, "wb") as copy:
            while True:
                data = file.read(1024 * 1024)
                if not data:
                    break
                copy.write(data)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    return True


def _fresh_index(git: Git, index: str, head: Optional[str]) -> None:
    if os.path.lexists(index):
        os.unlink(index)
    git.run("read-tree", *([head] if head else ["--empty"]))


def _commit(call: Call, tree: str, parent: Optional[str], message: str) -> str:
    arguments = ["commit-tree", tree, *(["-p", parent] if parent else []), "-F", "-"]
    data = (message.strip() or "Snapshot").encode("utf-8", "replace") + b"\n"
    status, output, _ = Git(call).try_run(*arguments, data=data)
    if status != 0:
        # The agent may have emptied the repository's identity.
        output = Git(call, IDENTITY).run(*arguments, data=data)
    return output.decode("ascii", "replace").strip()


def _present(git: Git, commits: List[str]) -> List[str]:
    """Those of the commits that this repository has."""
    if not commits:
        return []
    names = "".join(checked_commit(commit) + "\n" for commit in commits)
    lines = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", data=names.encode("ascii"))
    found = [line.split() for line in lines.decode("ascii", "replace").splitlines()]
    return [line[0] for line in found if line[1:] == ["commit"]]


def _joined(paths: List[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
