"""What a new project begins with: an empty tree, the sample, or an upload; each put into a scratch repository."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from projects import refs
from projects.errors import BadArchive, GitFailed, RejectedObjects
from projects.repository import Repository, Watch, scratch_root, text_file
from runtime import archives

SAMPLE = Path(__file__).parent / "sample"
MAX_BUNDLE_REFS = 20_000
_BUNDLE = re.compile(rb"# v[23] git bundle\n")
_BUNDLE_REF = re.compile(rb"([0-9a-f]{40}) (\S+)\n")


def fill_empty(scratch: Repository, *, name: str) -> str:
    """A README.md with the project's name. Returns the branch."""
    scratch.commit_files([text_file("README.md", f"# {name}\n".encode())], branch="main", message="Start the project")
    return "main"


def fill_sample(scratch: Repository) -> str:
    """The bundled sample: a small program with a test that fails. Returns the branch."""
    names = sorted(path for path in SAMPLE.iterdir() if path.is_file())
    files = [text_file(path.name, path.read_bytes()) for path in names]
    scratch.commit_files(files, branch="main", message="Start with the sample project")
    return "main"


def fill_upload(scratch: Repository, source: Path, *, filename: str, watch: Watch = None) -> str:
    """A zip, tar or git bundle from a stranger. Returns the branch. Raises: BadArchive, RejectedObjects."""
    with source.open("rb") as file:
        is_bundle = _BUNDLE.match(file.read(20)) is not None
    if is_bundle:
        return _fill_bundle(scratch, source, watch)
    try:
        with (
            tempfile.TemporaryDirectory(dir=scratch_root()) as folder,
            archives.opened(source, scratch=Path(folder), max_bytes=settings.CLONE_MAX_BYTES) as files,
        ):
            scratch.commit_files(files, branch="main", message=f"Import {filename}")
    except archives.ArchiveRefused as error:
        raise BadArchive.field("file", str(error)) from error
    except GitFailed as error:
        raise BadArchive.field("file", "The archive holds a file name that git does not take.") from error
    scratch.check(is_strict=True, watch=watch)
    return "main"


@dataclass(frozen=True)
class _Header:
    refs: dict[str, str]
    pack_offset: int


def _fill_bundle(scratch: Repository, source: Path, watch: Watch) -> str:
    """The pack inside a bundle is checked like any other; git's own bundle import would skip that."""
    header = _read_header(source)
    changes = {ref: oid for ref, oid in header.refs.items() if ref.startswith(("refs/heads/", "refs/tags/"))}
    if not any(ref.startswith("refs/heads/") for ref in changes):
        raise BadArchive.field("file", "The bundle holds no branch; make it anew (git bundle create x.bundle --all).")
    max_bytes = settings.CLONE_MAX_BYTES
    scratch.index_pack(source, offset=header.pack_offset, max_bytes=max_bytes, is_strict=False, watch=watch)
    try:
        scratch.update_refs(dict(changes))
    except GitFailed as error:
        raise RejectedObjects from error
    scratch.check(is_strict=False, watch=watch)
    tips = {ref.removeprefix("refs/heads/"): oid for ref, oid in changes.items() if ref.startswith("refs/heads/")}
    at_head = [name for name, oid in tips.items() if oid == header.refs.get("HEAD")]
    return choose_default(at_head or list(tips))


def _read_header(source: Path) -> _Header:
    found: dict[str, str] = {}
    with source.open("rb") as file:
        file.readline()
        for line in _lines(file):
            if line.startswith(b"-"):
                raise BadArchive.field("file", "The bundle is not complete: it builds on commits outside it.")
            match = _BUNDLE_REF.fullmatch(line)
            if match is None:
                raise BadArchive.field("file", "This kind of bundle cannot be imported.")
            name = match[2].decode(errors="replace")
            if name == "HEAD" or is_usable(name):
                found[name] = match[1].decode()
        return _Header(found, file.tell())


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The header's lines up to the empty one before the pack."""
    for _ in range(MAX_BUNDLE_REFS):
        line = file.readline(1000)
        if line == b"\n":
            return
        if line == b"@object-format=sha1\n":
            continue
        yield line
    raise BadArchive.field("file", f"The bundle has more than {MAX_BUNDLE_REFS:,} branches and tags.")


def is_usable(name: str) -> bool:
    """Whether a foreign branch or ref may come in: a valid name that was valid UTF-8."""
    return refs.is_branch(name) and "\ufffd" not in name


def choose_default(names: list[str]) -> str:
    """The branch that most likely is the main one."""
    return next((name for name in ("main", "master", "trunk") if name in names), sorted(names)[0])
