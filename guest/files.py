"""File verbs: regular files beneath the sandbox's own folders, opened step by step, so that no link leads elsewhere."""

from __future__ import annotations

import errno
import os
import stat as stats
import uuid
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional, Tuple

from guest import wire
from guest.conversation import Call
from guest.errors import Fail

READ_LIMIT = 256 * 1024 * 1024
WRITE_LIMIT = 256 * 1024 * 1024
LIST_LIMIT = 10_000
PAGE = 200

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK


def read(call: Call) -> Dict[str, Any]:
    """Send `limit_bytes` from `offset` of a regular file."""
    offset = call.integer("offset", 0, 0, 2**62)
    remaining = call.integer("limit_bytes", READ_LIMIT, 0, READ_LIMIT)
    with _parent(call) as (folder, name):
        fd = _open_regular(folder, name)
    with open(fd, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while remaining:
            data = os.pread(file.fileno(), min(wire.CHUNK, remaining), offset)
            if not data:
                break
            call.wire.send(wire.DATA, data)
            offset += len(data)
            remaining -= len(data)
    return {"size_bytes": size}


def write(call: Call) -> Dict[str, Any]:
    """Write what the client sends into a new file and put it in the place of the old one."""
    mode = call.integer("mode", 0o644, 0, 0o777)
    with _parent(call, is_making=True) as (folder, name):
        _refuse_non_regular(folder, name)
        temporary = ".slipway-%s" % uuid.uuid4().hex
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with open(fd, "wb") as file:
                for data in call.data(WRITE_LIMIT):
                    file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
    return {}


def list_folder(call: Call) -> Dict[str, Any]:
    """Send what is in a folder, sorted by name, in pages."""
    with _folder(call) as folder:
        names: List[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > LIST_LIMIT:
                    raise Fail("too_large", "The folder has more than %d entries." % LIST_LIMIT)
        names.sort()
        for start in range(0, len(names), PAGE):
            page = [info for info in (_info(folder, name) for name in names[start : start + PAGE]) if info]
            call.wire.send_json(wire.INFO, {"entries": page})
    return {"count": len(names)}


def stat(call: Call) -> Dict[str, Any]:
    """What is at a path; a link is told as a link."""
    with _parent(call) as (folder, name):
        info = _info(folder, name)
    if info is None:
        raise Fail("not_found", "There is no such file.")
    return info


@contextmanager
def _parent(call: Call, is_making: bool = False) -> Iterator[Tuple[int, str]]:
    """The folder that holds the last component, open, and that component's name."""
    root, parts = _split(call)
    if not parts:
        yield_fd = _open_root(root)
        try:
            yield yield_fd, "."
        finally:
            os.close(yield_fd)
        return
    folder = _walk(root, parts[:-1], is_making)
    try:
        yield folder, parts[-1]
    finally:
        os.close(folder)


@contextmanager
def _folder(call: Call) -> Iterator[int]:
    root, parts = _split(call)
    folder = _walk(root, parts, False)
    try:
        yield folder
    finally:
        os.close(folder)


def _split(call: Call) -> Tuple[str, List[str]]:
    """The root that a path lies in, and the components below it; nothing is resolved, `..` is refused."""
    path = call.text("path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or len(path) > 4096:
        raise Fail("refused", "This path is not open to the platform.")
    places = call.daemon.places
    if not path.startswith("/"):
        return places.work, parts
    for root in (places.work, places.home, "/tmp"):
        above = [part for part in root.split("/") if part]
        if parts[: len(above)] == above:
            return root, parts[len(above) :]
    raise Fail("refused", "This path is not open to the platform.")


def _walk(root: str, parts: List[str], is_making: bool) -> int:
    folder = _open_root(root)
    try:
        for part in parts:
            if is_making:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=folder)
            following = os.open(part, FOLDER, dir_fd=folder)
            is_real = _is_itself(folder, part, following)
            os.close(folder)
            folder = following
            if not is_real:
                raise NotADirectoryError(errno.ENOTDIR, "a link")
    except OSError as error:
        os.close(folder)
        raise _failure(error) from error
    return folder


def _open_root(root: str) -> int:
    # The root itself was made by the platform; only what lies below it is an agent's.
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY)


def _is_itself(folder: int, name: str, fd: int) -> bool:
    """Whether what was opened is what the name stands for: gVisor may follow a link although it must not."""
    found, opened = os.lstat(name, dir_fd=folder), os.fstat(fd)
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def _open_regular(folder: int, name: str) -> int:
    _refuse_non_regular(folder, name)  # before it is opened, since opening a socket is the end of some gVisors
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        raise _failure(error) from error
    if not stats.S_ISREG(os.fstat(fd).st_mode) or not _is_itself(folder, name, fd):
        os.close(fd)
        raise Fail("refused", "This is not a regular file.")
    return fd


def _refuse_non_regular(folder: int, name: str) -> None:
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failure(error) from error
    if not stats.S_ISREG(found.st_mode):
        raise Fail("refused", "This is not a regular file.")


def _info(folder: int, name: str) -> Optional[Dict[str, Any]]:
    try:
        found = os.lstat(name, dir_fd=folder)
        target = os.readlink(name, dir_fd=folder) if stats.S_ISLNK(found.st_mode) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failure(error) from error
    kinds = {stats.S_IFREG: "file", stats.S_IFDIR: "folder", stats.S_IFLNK: "link"}
    return {
        "name": name,
        "kind": kinds.get(stats.S_IFMT(found.st_mode), "other"),
        "size_bytes": found.st_size,
        "mode": stats.S_IMODE(found.st_mode),
        "modified_at": found.st_mtime,
        "target": target,
    }


def _failure(error: OSError) -> Fail:
    if error.errno == errno.ENOENT:
        return Fail("not_found", "There is no such file or folder.")
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR, errno.ENODEV):
        return Fail("refused", "A link, or something that is no folder, is in the way.")
    if error.errno == errno.ENAMETOOLONG:
        return Fail("refused", "The name is too long.")
    return Fail("io_error", error.strerror or "The file cannot be used.")
