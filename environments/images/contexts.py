"""Contexts: the files that a Dockerfile may copy, kept on disk as one tar that holds nothing but plain files.

What comes in is read entry by entry and written anew. It lies below `SLIPWAY_DATA_DIR`, in a folder that no sandbox
sees, under a name that its content makes, so that a build reads what it was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.names import one_line
from environments.images.errors import BadContext
from environments.images.models import Dockerfile, ImageBuild
from environments.images.syntax import MAX_BYTES
from runtime import archives
from runtime.archives import ArchiveRefused, File

DOCKERFILE = "Dockerfile"
CHUNK = 256 * 2**10
_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Upload:
    """An archive as it came: zip, tar or tar.gz."""

    name: str
    size_bytes: int
    chunks: Iterable[bytes]


@dataclass(frozen=True)
class Stored:
    """A context that has been read and checked, not in its place yet."""

    name: str
    sha256: str
    size_bytes: int
    dockerfile: str | None
    environment_id: uuid.UUID
    draft: Path

    def keep(self) -> None:
        """Put it in its place; the same content may be there already."""
        place = path_of(self.environment_id, self.sha256)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.draft.replace(place)


def root() -> Path:
    """The folder of all contexts, and of what is being received."""
    return Path(settings.DATA_DIR) / "contexts"


def path_of(environment_id: uuid.UUID, sha256: str) -> Path:
    return root() / str(environment_id) / f"{sha256}.tar"


@contextlib.contextmanager
def received(upload: Upload | None, environment_id: uuid.UUID) -> Iterator[Stored | None]:
    """The upload as a tar of plain files; nothing of it is left behind unless it is kept.

    Raises: BadContext (too large, also unpacked; damaged; a name or link that leads out of it).
    """
    if upload is None:
        yield None
        return
    most = settings.BUILD_CONTEXT_MAX_BYTES
    if upload.size_bytes > most:
        raise BadContext.field("context", f"A context has at most {most // 2**20} MiB.")
    root().mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=root(), prefix=".incoming-") as folder:
        source = Path(folder) / "upload"
        _write(source, upload.chunks, most)
        try:
            with archives.opened(source, scratch=Path(folder), max_bytes=most, is_left_out=_is_left_out) as files:
                yield _packed(files, one_line(upload.name)[-200:], environment_id, Path(folder) / "context.tar")
        except ArchiveRefused as error:
            raise BadContext.field("context", str(error)) from error


def _write(target: Path, chunks: Iterable[bytes], most: int) -> None:
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            if file.tell() > most:
                raise BadContext.field("context", f"A context has at most {most // 2**20} MiB.")


def _is_left_out(path: str) -> bool:
    """A repository's own folder is of no use in an image."""
    return ".git" in path.split("/")


def _packed(files: list[File], name: str, environment_id: uuid.UUID, draft: Path) -> Stored:
    """The files as a tar without its end, so that the Dockerfile can follow them."""
    dockerfile, digest = None, hashlib.sha256()
    with draft.open("wb") as file:
        for entry in files:
            if entry.path == DOCKERFILE:
                dockerfile = _text(entry)
                continue
            for block in _blocks(entry):
                digest.update(block)
                file.write(block)
    return Stored(name, digest.hexdigest(), draft.stat().st_size, dockerfile, environment_id, draft)


def _text(entry: File) -> str:
    if entry.size > MAX_BYTES or entry.mode == "120000":
        raise ArchiveRefused(f"The context's Dockerfile has more than {MAX_BYTES // 1024} KiB, or is a link.")
    try:
        return b"".join(entry.chunks()).decode()
    except UnicodeDecodeError as error:
        raise ArchiveRefused("The context's Dockerfile is not text in UTF-8.") from error


def _blocks(entry: File) -> Iterator[bytes]:
    member = tarfile.TarInfo(entry.path)
    if entry.mode == "120000":
        member.type, member.linkname = tarfile.SYMTYPE, b"".join(entry.chunks()).decode()
        yield member.tobuf()
        return
    member.size, member.mode = entry.size, 0o755 if entry.mode == "100755" else 0o644
    yield member.tobuf()
    yield from entry.chunks()
    yield bytes(-entry.size % tarfile.BLOCKSIZE)


async def sent(dockerfile: str, environment_id: uuid.UUID, sha256: str) -> AsyncIterator[bytes]:
    """The tar that the engine gets. Raises: BadContext (the file is not there any more)."""
    if sha256:
        try:
            file: IO[bytes] = path_of(environment_id, sha256).open("rb")
        except FileNotFoundError as error:
            raise BadContext("The context of this build is not there any more; send it again.") from error
        with file:
            while chunk := await sync_to_async(file.read, thread_sensitive=False)(CHUNK):
                yield chunk
    data = dockerfile.encode()
    member = tarfile.TarInfo(DOCKERFILE)
    member.size, member.mode = len(data), 0o644
    yield member.tobuf() + data + bytes(-len(data) % tarfile.BLOCKSIZE) + _END


def tidy(environment_id: uuid.UUID, *, before: float = math.inf) -> None:
    """Remove contexts of an environment that neither its Dockerfile nor a build needs any more.

    `before` is the time of the newest file that may go: one that is just being kept is in no row yet.
    """
    needed = set(Dockerfile.objects.filter(environment_id=environment_id).values_list("context_sha256", flat=True))
    builds = ImageBuild.objects.live().filter(environment_id=environment_id)
    needed |= set(builds.values_list("context_sha256", flat=True))
    with contextlib.suppress(FileNotFoundError):
        for path in (root() / str(environment_id)).iterdir():
            if path.stem not in needed and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)


def remove(environment_id: uuid.UUID) -> None:
    """All contexts of an environment that is gone."""
    remove_folder(root() / str(environment_id))


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
