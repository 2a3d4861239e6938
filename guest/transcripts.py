"""The agent's own record of its conversation: checked before it is resumed, and mended when a kill has torn it.

One JSON record a line; those of the conversation have a `uuid` and name the one before them in `parentUuid`, so that a
record that is gone would cut off everything in front of it. Notes beside them name one in `leafUuid`, written before or
after the note.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from typing import IO, Any, Dict, Iterator, List, Optional, Set

from guest.conversation import Call
from guest.errors import Fail

MAX_BYTES = 1024 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024 * 1024
DECODER = json.JSONDecoder()
SPACE = re.compile(r"\s*")
RECORD = re.compile(r'\{"[A-Za-z_]{1,40}":')  # how the agent begins one; a text that ends in a brace looks otherwise
TRIES = 32  # objects that a record may be torn within, one inside the other

Record = Dict[str, Any]


def check(call: Call) -> Dict[str, Any]:
    """Whether the conversation at `path` can be resumed: sound, repaired (the original is kept beside it) or missing.

    `lost` counts the records that could not be read.
    """
    path = call.text("path")
    if not path.startswith(call.daemon.places.home + "/") or ".." in path.split("/"):
        raise Fail("refused", "A conversation is kept in the home folder.")
    try:
        source = _open(path)
    except OSError:
        return {"state": "missing", "lost": 0}
    with source:
        mender = Mender()
        if not mender.read(source):
            return {"state": "missing", "lost": mender.lost}
        if mender.is_sound:
            return {"state": "sound", "lost": 0}
        source.seek(0)
        return {"state": "repaired", "lost": _rewrite(path, source, mender.known)}


class Mender:
    """Passes the records on, joined lines parted and unreadable ones left out, each tied to one that is there."""

    def __init__(self, expected: Optional[Set[str]] = None) -> None:
        self.lost = 0
        self.known: Set[str] = set()
        self._expected = expected  # the names that a first reading found; None while it goes on
        self._leaves: Set[str] = set()
        self._is_whole = True
        self._last: Dict[bool, Optional[str]] = {False: None, True: None}

    @property
    def is_sound(self) -> bool:
        """Once all was read: nothing is torn, and nothing names what is not there."""
        return self._is_whole and self._leaves <= self.known

    def read(self, source: "IO[bytes]") -> bool:
        """Go through all of it; whether there is a conversation in it."""
        return sum(record.get("type") in ("user", "assistant") for record in self.records(source)) > 0

    def records(self, source: "IO[bytes]") -> Iterator[Record]:
        for line in _lines(source):
            found = _parse(line)
            if len(found) != 1 or not line.endswith(b"\n"):
                self._is_whole = False
                self.lost += not found
            for record in found:
                if self._tie(record):
                    yield record

    def _tie(self, record: Record) -> bool:
        """Mend what a record says of others; False when it speaks of nothing that is left."""
        leaf = record.get("leafUuid")
        if isinstance(leaf, str):
            self._leaves.add(leaf)
            if self._expected is not None and leaf not in self._expected:
                return False
        name = record.get("uuid")
        if not isinstance(name, str):
            return True
        is_aside = record.get("isSidechain") is True
        parent = record.get("parentUuid")
        if isinstance(parent, str) and parent not in self.known:
            self._is_whole = False
            record["parentUuid"] = self._last[is_aside]
        self.known.add(name)
        self._last[is_aside] = name
        return True


def _parse(line: bytes) -> List[Record]:
    """The records of a line: one as a rule, two when a kill took the line's end, none when nothing can be read."""
    text = line.decode("utf-8", "replace").strip()
    found: List[Record] = []
    at = 0
    while at < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            # The first was cut off; what follows on the same line may be whole.
            return found or _whole_tail(text, at)
        if isinstance(value, dict):
            found.append(value)
        at = SPACE.match(text, end).end()
    return found


def _whole_tail(text: str, at: int) -> List[Record]:
    """The record that ends a line, behind one that was torn; the line is gone through a few times at most."""
    left, begin = TRIES, RECORD.search(text, at + 1)
    while begin and left:
        try:
            value, end = DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            left, end = left - 1, begin.start() + 1
        else:
            # What lies inside the torn record ends before the line does.
            if end == len(text) and isinstance(value, dict) and "type" in value and "sessionId" in value:
                return [value]
        begin = RECORD.search(text, end)
    return []


def _lines(source: "IO[bytes]") -> Iterator[bytes]:
    while True:
        line = source.readline(MAX_LINE_BYTES)
        if not line:
            return
        yield line


def _open(path: str) -> "IO[bytes]":
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
        os.close(fd)
        raise OSError("not a conversation")
    return os.fdopen(fd, "rb")


def _rewrite(path: str, source: "IO[bytes]", names: Set[str]) -> int:
    """Put a mended copy in the place of the torn one, which stays beside it; give the number of lost records."""
    mender, temporary = Mender(names), path + ".mending"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as file:
            for record in mender.records(source):
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
                file.write(b"\n")
            file.flush()
            os.fsync(file.fileno())
        _keep_torn(path)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return mender.lost


def _keep_torn(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + ".torn")
    os.link(path, path + ".torn", follow_symlinks=False)
