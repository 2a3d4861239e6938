"""Names that go to git: branches, full refs and object ids, checked before any command sees them."""

from __future__ import annotations

import re

from projects.errors import BadRef

MAX_BYTES = 255
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def is_branch(name: str) -> bool:
    """Whether `refs/heads/<name>` follows `git check-ref-format`, and no part of it can pass for an option."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    if not 0 < size <= MAX_BYTES or name in ("@", "HEAD") or name.endswith(".") or _FORBIDDEN.search(name):
        return False
    return all(_is_component(part) for part in name.split("/"))


def _is_component(part: str) -> bool:
    return bool(part) and not part.startswith((".", "-")) and not part.endswith(".lock")


def require_branch(name: str, *, field: str = "branch") -> str:
    """The name itself. Raises: BadRef, naming the field."""
    if not is_branch(name):
        raise BadRef.field(field, "This is not a valid branch name.")
    return name


def require_ref(ref: str) -> str:
    """A full ref below `refs/`. Raises: BadRef."""
    if not ref.startswith("refs/") or not is_branch(ref):
        raise BadRef("This is not a valid ref.")
    return ref


def require_oid(oid: str) -> str:
    """A full object id in lower-case hexadecimal. Raises: BadRef."""
    if not _OID.fullmatch(oid):
        raise BadRef("This is not a valid object id.")
    return oid
