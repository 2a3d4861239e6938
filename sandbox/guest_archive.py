"""Packs the guest into one archive: the same bytes for the same source, cached under its hash."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import py_compile
import tempfile
import zipfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "guest"
MAIN = b"import sys\n\nfrom guest.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


def guest_archive(folder: Path) -> Path:
    """The archive in `folder`, made there unless it is there already."""
    data = archive_bytes()
    path = folder / f"guest-{hashlib.sha256(data).hexdigest()[:32]}.pyz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        _write(path, data)
    return path


@cache
def archive_bytes() -> bytes:
    """The zip file: sources, and bytecode that spares a guest on this version of Python the compiler."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", MAIN)
        for source in sorted(SOURCE.glob("*.py")):
            _add(archive, f"guest/{source.name}", source.read_bytes())
            _add(archive, f"guest/{source.name}c", _bytecode(source))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _bytecode(source: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="slipway-guest-") as folder:
        target = Path(folder) / f"module.{importlib.util.MAGIC_NUMBER.hex()}.pyc"
        py_compile.compile(
            str(source),
            cfile=str(target),
            dfile=f"guest/{source.name}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return target.read_bytes()


def _write(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".guest-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o444)
    Path(temporary).rename(path)
