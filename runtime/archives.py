"""Uploaded zip and tar files: every name, kind and size checked before any content is read; nothing is extracted."""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import os
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

MIB = 2**20
CHUNK = 64 * 2**10
MAX_ENTRIES = 50_000
MAX_DEPTH = 64  # folders within folders
MAX_RATIO = 200  # uncompressed to compressed
RATIO_FREE_BYTES = 64 * MIB
MAX_HEADER_BYTES = MIB
MAX_LINK_BYTES = 4096
_GIT_DIRECTORY = re.compile(r"\.git|git~\d+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a way of packing that we do not know
    OverflowError,
    RuntimeError,  # a password is needed
    ValueError,
)


class ArchiveRefused(Exception):
    """This archive cannot be used; the message says why."""


@dataclass(frozen=True)
class File:
    """One file or link, by what is kept of it. `chunks` yields exactly `size` bytes."""

    path: str
    mode: str  # 100644, 100755 or 120000
    size: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Entry:
    """One file or link of an archive."""

    path: str
    mode: int  # permission bits
    size: int
    is_link: bool
    open: Callable[[], IO[bytes]]


@contextlib.contextmanager
def opened(
    source: Path, *, scratch: Path, max_bytes: int, is_left_out: Callable[[str], bool] = lambda path: False
) -> Iterator[list[File]]:
    """The files of an archive, checked as a whole; a single folder round everything is left out.

    Args:
        scratch: an existing folder on disk for the uncompressed tar file; the caller removes it.
        max_bytes: of all files together, uncompressed.
        is_left_out: of a path, whether it is to be read as if it were not there.
    Raises: ArchiveRefused (with the first reason found), also while the files are read.
    """
    with contextlib.ExitStack() as stack:
        try:
            found = _entries(source, scratch, max_bytes, stack)
            entries = [entry for entry in found if not is_left_out(entry.path)]
            _check_sizes(entries, source.stat().st_size, max_bytes)
            entries = _without_single_root(entries)
            _check_paths(entries)
            files = [_file(entry) for entry in entries]
        except _DAMAGED as error:
            raise _bad("The archive is damaged, encrypted or of an unknown kind.") from error
        yield files


def _bad(message: str) -> ArchiveRefused:
    return ArchiveRefused(message)


def _entries(source: Path, scratch: Path, max_bytes: int, stack: contextlib.ExitStack) -> Iterator[Entry]:
    with source.open("rb") as file:
        magic = file.read(512)
    if magic.startswith(b"PK"):
        _count_zip_entries(source)
        return _zip_entries(stack.enter_context(zipfile.ZipFile(source)))
    if magic.startswith(b"\x1f\x8b"):
        return _tar_entries(_gunzip(source, scratch / "archive.tar", max_bytes))
    if magic[257:262] == b"ustar":
        return _tar_entries(source)
    raise _bad("Only zip, tar.gz, tar and git bundles can be imported.")


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        if info.is_dir() or info.filename.startswith("__MACOSX/"):
            continue
        mode = info.external_attr >> 16
        if info.flag_bits & 0x1:
            raise _bad("The archive is encrypted.")
        # 0 is what archives made on Windows say.
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFLNK):
            raise _bad("The archive holds something that is neither a file nor a link.")

        yield Entry(info.orig_filename, mode, info.file_size, stat.S_ISLNK(mode), functools.partial(archive.open, info))


def _count_zip_entries(source: Path) -> None:
    """Refuse a directory of millions before it is read into memory; what the archive says of itself proves nothing."""
    count, tail = 0, b""
    with source.open("rb") as file:
        while block := file.read(MIB):
            count += (tail + block).count(b"PK\x01\x02")
            tail = block[-3:]
            if count > MAX_ENTRIES:
                raise _too_many()


def _too_many() -> ArchiveRefused:
    return _bad(f"The archive has more than {MAX_ENTRIES:,} entries.")


def _gunzip(source: Path, target: Path, max_bytes: int) -> Path:
    allowed = min(max_bytes + MAX_ENTRIES * 1024, max(RATIO_FREE_BYTES, source.stat().st_size * MAX_RATIO))
    with gzip.open(source) as packed, target.open("wb") as file:
        while block := packed.read(MIB):
            file.write(block)
            if file.tell() > allowed:
                raise _bad("The archive is too large when unpacked.")
    return target


class _TarSource(io.FileIO):
    """A tar file whose headers cannot ask for much memory (a pax header may claim gigabytes) or lead past its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_HEADER_BYTES:
            raise _bad("The archive has an oversized header.")
        return super().read(size) or b""

    def seek(self, position: int, whence: int = 0, /) -> int:
        if not 0 <= position <= os.fstat(self.fileno()).st_size:
            raise tarfile.ReadError("beyond the end")
        return super().seek(position, whence)


def _tar_entries(source: Path) -> Iterator[Entry]:
    with _TarSource(source) as file:
        archive = tarfile.TarFile(fileobj=file, encoding="utf-8", errors="strict")
        count = 0
        while member := archive.next():
            count += 1
            if count > MAX_ENTRIES:
                raise _too_many()
            if not member.isdir():
                yield _tar_entry(source, member)
        # The library takes a broken header for the end.
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
            raise tarfile.ReadError("broken header")


def _tar_entry(source: Path, member: tarfile.TarInfo) -> Entry:
    if not (member.isreg() or member.issym()) or member.issparse() or member.size < 0:
        raise _bad("The archive holds something that is neither a plain file nor a symbolic link.")
    if member.issym():
        target = member.linkname.encode()
        return Entry(member.name, member.mode, len(target), True, lambda: io.BytesIO(target))
    opening = functools.partial(_tar_content, source, member.offset_data)
    return Entry(member.name, member.mode, member.size, False, opening)


def _tar_content(source: Path, offset: int) -> IO[bytes]:
    file = source.open("rb")
    file.seek(offset)
    return file


def _check_sizes(entries: list[Entry], packed_bytes: int, max_bytes: int) -> None:
    if not entries:
        raise _bad("The archive holds no files.")
    total = sum(entry.size for entry in entries)
    if total > max_bytes or total > max(RATIO_FREE_BYTES, packed_bytes * MAX_RATIO):
        raise _bad("The archive is too large when unpacked.")


def _without_single_root(entries: list[Entry]) -> list[Entry]:
    """Most archives hold one folder with everything in it; it is not part of the project."""
    roots = {entry.path.removeprefix("./").split("/", 1)[0] for entry in entries}
    if len(roots) == 1 and all("/" in entry.path.removeprefix("./") for entry in entries) and roots != {".."}:
        root = roots.pop()
        if root and not _GIT_DIRECTORY.fullmatch(root):
            return [replace(entry, path=entry.path.removeprefix("./").removeprefix(f"{root}/")) for entry in entries]
    return [replace(entry, path=entry.path.removeprefix("./")) for entry in entries]


def _check_paths(entries: list[Entry]) -> None:
    """No way out, no `.git`, and no two names that a file system could take for one."""
    seen: set[str] = set()
    for entry in entries:
        _check_path(entry)
        folded = unicodedata.normalize("NFC", entry.path).casefold()
        if folded in seen:
            raise _bad("The archive holds two files of one name (perhaps in upper and lower case).")
        seen.add(folded)
    for path in seen:
        if any(str(parent) in seen for parent in PurePosixPath(path).parents):
            raise _bad("The archive holds a file or link that is also a folder.")


def _check_path(entry: Entry) -> None:
    path = entry.path
    parts = path.split("/")
    if parts[0] == ".git":
        raise _bad(
            "The archive holds a .git folder; send a git bundle instead (git bundle create project.bundle --all)."
        )
    if len(parts) > MAX_DEPTH:
        raise _bad("The archive's folders lie too deep.")
    if any(_GIT_DIRECTORY.fullmatch(part.rstrip(" .")) for part in parts):
        raise _bad("The archive holds a .git folder.")
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts) or re.match(r"[A-Za-z]:", path):
        raise _bad("The archive holds a path that leads out of it.")
    if _CONTROL.search(path) or len(path.encode(errors="replace")) > 4000 or any(len(p.encode()) > 255 for p in parts):
        raise _bad("The archive holds a file name that cannot be used.")
    if not entry.is_link and entry.mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise _bad("The archive holds a file with special rights (setuid).")


def _file(entry: Entry) -> File:
    if entry.is_link:
        _check_link(entry)
    mode = "120000" if entry.is_link else "100755" if entry.mode & stat.S_IXUSR else "100644"
    return File(entry.path, mode, entry.size, lambda: _chunks(entry))


def _check_link(entry: Entry) -> None:
    if entry.size > MAX_LINK_BYTES:
        raise _bad("The archive holds a link that is too long.")
    with entry.open() as file:
        target = file.read(entry.size).decode(errors="replace")
    depth = entry.path.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            break
    if not target or target.startswith("/") or depth < 0 or _CONTROL.search(target):
        raise _bad("The archive holds a link that leads out of it.")


def _chunks(entry: Entry) -> Iterator[bytes]:
    """Exactly `entry.size` bytes, since git has been told that number; an archive may have lied."""
    left = entry.size
    try:
        with entry.open() as file:
            while left:
                block = file.read(min(CHUNK, left))
                if not block:
                    raise _bad("The archive is damaged.")
                left -= len(block)
                yield block
    except _DAMAGED as error:
        raise _bad("The archive is damaged.") from error
