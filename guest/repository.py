"""Git verbs on the work tree's repository: clone into an empty work tree, status."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Dict

from guest.conversation import Call
from guest.errors import Fail
from guest.git import Git, words
from guest.places import Places

OBJECT_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
BUNDLE_LIMIT = 16 * 2**30
NO_BRANCH = "This is no name for a branch."


def clone(call: Call) -> Dict[str, Any]:
    """Make the work tree a repository with `branch` at `commit`; on failure it is empty again."""
    places = call.daemon.places
    if os.listdir(places.work):
        raise Fail("not_empty", "The work tree is not empty.")
    with open(_marker(places), "w", encoding="ascii"):
        pass
    try:
        _clone(call, Git(call), os.path.join(places.work, ".git"))
    except BaseException:
        drop_half_clone(places)
        raise
    os.unlink(_marker(places))
    return {}


def drop_half_clone(places: Places) -> None:
    """Empty the work tree if a clone into it has not come to its end, as when the sandbox died meanwhile."""
    if os.path.exists(_marker(places)):
        _empty(places.work)
        os.unlink(_marker(places))


def _marker(places: Places) -> str:
    return os.path.join(places.state, "cloning")


def status(call: Call) -> Dict[str, Any]:
    """HEAD, and whether the index or the work tree, untracked files included, differ from it."""
    git = Git(call)
    git.require_repository()
    changes = git.run("status", "--porcelain", "-z", "--untracked-files=normal")
    return {"head": git.commit("HEAD"), "is_dirty": bool(changes)}


def checked_commit(value: str) -> str:
    """A full object id, so that nothing is taken for an option or a name."""
    if not OBJECT_ID.fullmatch(value):
        raise Fail("bad_request", "A commit is named by its full id.")
    return value


def _clone(call: Call, git: Git, git_folder: str) -> None:
    commit = checked_commit(call.text("commit"))
    branch = call.text("branch")
    if branch.startswith("-"):
        raise Fail("bad_request", NO_BRANCH)
    try:
        _fill(call, git, git_folder, branch, commit)
    except Fail:
        # Asked only now, since update-ref refuses what is none: one git command more takes as long as a small checkout.
        if git.try_run("check-ref-format", "refs/heads/" + branch)[0] != 0:
            raise Fail("bad_request", NO_BRANCH) from None
        raise


def _fill(call: Call, git: Git, git_folder: str, branch: str, commit: str) -> None:
    git.run("init", "--quiet", "--template=")
    alternates = call.optional("alternates")
    if alternates is not None:
        _borrow(git_folder, alternates)
    if call.flag("has_bundle"):
        _unbundle(call, git, os.path.join(git_folder, "slipway.bundle"))
    _sign(git_folder, call.text("user_name"), call.text("user_email"))
    with open(os.path.join(git_folder, "HEAD"), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("ref: refs/heads/%s\n" % branch)
    status, _, error = git.try_run("read-tree", "--reset", "-u", commit)
    if status != 0 and git.commit(commit) is None:
        raise Fail("git_failed", "The commit %s is not in what was given." % commit)
    if status != 0:
        raise Fail("git_failed", "git read-tree: %s" % words(error))
    git.run("update-ref", "refs/heads/" + branch, commit)  # last: a HEAD that names a commit says that all is there


def _sign(git_folder: str, name: str, email: str) -> None:
    """Say whose commits these are; a git command for each would take as long as a small checkout."""
    with open(os.path.join(git_folder, "config"), "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write("[user]\n\tname = %s\n\temail = %s\n" % (quoted(name), quoted(email)))


def quoted(value: str) -> str:
    """A value of git's config, whatever is in it."""
    if "\0" in value:
        raise Fail("bad_request", "There is a NUL in a name.")
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return '"%s"' % value


def _borrow(git_folder: str, objects: str) -> None:
    if not objects.startswith("/") or "\n" in objects or not os.path.isdir(objects):
        raise Fail("bad_request", "The folder of borrowed objects is not there.")
    info = os.path.join(git_folder, "objects", "info")
    os.makedirs(info, exist_ok=True)
    with open(os.path.join(info, "alternates"), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(objects + "\n")


def _unbundle(call: Call, git: Git, path: str) -> None:
    with open(path, "wb") as file:
        for data in call.data(BUNDLE_LIMIT):
            file.write(data)
    git.run("bundle", "unbundle", path)
    os.unlink(path)


def _empty(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
