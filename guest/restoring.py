"""The work tree made what a commit holds; ignored files stay, and what was there before is for the caller to save."""

from __future__ import annotations

import os
import uuid
from typing import Any, Dict

from guest.conversation import Call
from guest.errors import Fail
from guest.git import Git
from guest.repository import NO_BRANCH, checked_commit
from guest.snapshots import write_tree


def restore(call: Call) -> Dict[str, Any]:
    """Make files, branch and index as they were when `commit` was made of them; repeating it after any end is harmless.

    Of a dirty snapshot the branch gets the parent, so that its changes are changes again. The files come first, the
    index last: whoever dies between them finds changes where there are none, and does it again.
    """
    git = Git(call)
    git_folder = git.require_repository()
    commit = checked_commit(call.text("commit"))
    branch = "refs/heads/" + call.text("branch")
    if git.try_run("check-ref-format", branch)[0] != 0:
        raise Fail("bad_request", NO_BRANCH)
    if git.commit(commit) is None:
        raise Fail("git_failed", "The commit %s is not in this repository." % commit)
    head = (git.commit(commit + "^") if call.flag("is_dirty") else None) or commit
    name = "index-%s" % uuid.uuid4().hex
    present, renewed = (os.path.join(folder, name) for folder in (call.daemon.places.state, git_folder))
    try:
        _bring_files(git, git_folder, present, call.daemon.places.work, commit)
        git.run("update-ref", branch, head)
        git.run("symbolic-ref", "HEAD", branch)
        _renew_index(git.with_index(renewed), renewed, git_folder, head)
    finally:
        for path in (present, renewed):
            for left in (path, path + ".lock"):
                if os.path.lexists(left):
                    os.unlink(left)
    return {"head": head}


def _bring_files(git: Git, git_folder: str, index: str, work: str, commit: str) -> None:
    """With an index of all that is there now, untracked files too, git knows what has to go."""
    indexed = git.with_index(index)
    write_tree(indexed, git_folder, index, work, git.commit("HEAD"))
    indexed.run("read-tree", "--reset", "-u", commit)


def _renew_index(indexed: Git, index: str, git_folder: str, head: str) -> None:
    """The user's index anew, in one step: a lock that somebody left is not in the way."""
    indexed.run("read-tree", head)
    indexed.try_run("update-index", "-q", "--refresh")  # says by its status that there are changes
    os.replace(index, os.path.join(git_folder, "index"))
