"""Making a session's place: sandbox, clone and agent process, against bare git and a bare child."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from sandbox import open_sandbox
from sandbox.spec import LocalSpec, Mount

PROGRAM = ["cat"]  # waits for input, like an agent
GIT = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0"]
FILE_BYTES = 2000


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    files: Sequence[int] = (100, 3000)
    rounds: int = 15


async def measure(size: Size) -> list[Figure]:
    """Milliseconds until the agent is alive, for work trees of different size."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-create-"))
    try:
        return [figure for files in size.files for figure in await _compare(folder / str(files), files, size.rounds)]
    finally:
        shutil.rmtree(folder)


async def _compare(folder: Path, files: int, rounds: int) -> list[Figure]:
    vault = await asyncio.to_thread(_make_vault, folder, files)
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        "ours": lambda: _sandbox(folder, vault),
        "clone": lambda: asyncio.to_thread(_clone, folder, vault),
        "worktree": lambda: asyncio.to_thread(_worktree, folder, vault),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):  # turn by turn, so that a busy moment hits all of them
        for name, way in ways.items():
            times[name].append(await way() * 1000)
    medians = {name: statistics.median(values) for name, values in times.items()}
    name = f"session create, work tree of {files} files"
    return [
        Figure(name, medians["ours"], "ms", "`git clone --shared` + spawn", medians["clone"]),
        Figure(name, medians["ours"], "ms", "`git worktree add` + spawn", medians["worktree"]),
    ]


def _make_vault(folder: Path, files: int) -> Path:
    """A bare repository with one packed commit."""
    tree, vault = folder / "tree", folder / "vault.git"
    for number in range(files):
        path = tree / f"folder{number % 20}" / f"file{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((f"line of file {number}\n" * FILE_BYTES)[:FILE_BYTES])
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run([*GIT, *command], cwd=tree, check=True)
    subprocess.run([*GIT, "clone", "--quiet", "--bare", "--no-local", str(tree), str(vault)], check=True)
    return vault


async def _sandbox(folder: Path, vault: Path) -> float:
    root, objects, commit = folder / uuid.uuid4().hex, vault / "objects", _head(vault)
    spec = LocalSpec("bench", root, (Mount(objects, str(objects)),), None, lifetime_s=600)
    began = time.perf_counter()
    sandbox = await open_sandbox(spec)
    try:
        await sandbox.guest.hello()
        await sandbox.guest.clone(
            commit=commit, branch="bench", alternates=str(objects), user_name="bench", user_email="bench@example.com"
        )
        status = await sandbox.guest.start_agent("run", PROGRAM)
        taken = time.perf_counter() - began
        assert status.is_alive, status
    finally:
        await sandbox.destroy()
    return taken


def _clone(folder: Path, vault: Path) -> float:
    return _bare(folder / uuid.uuid4().hex, lambda target: ["clone", "--quiet", "--shared", str(vault), target])


def _worktree(folder: Path, vault: Path) -> float:
    target = folder / uuid.uuid4().hex
    branch, repository = f"bench-{target.name}", f"--git-dir={vault}"
    return _bare(target, lambda place: [repository, "worktree", "add", "--quiet", "-b", branch, place])


def _bare(target: Path, command: Callable[[str], list[str]]) -> float:
    began = time.perf_counter()
    subprocess.run([*GIT, *command(str(target))], check=True)
    with subprocess.Popen(PROGRAM, cwd=target, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
        taken = time.perf_counter() - began
    shutil.rmtree(target)
    return taken


def _head(vault: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=vault, capture_output=True, text=True, check=True)
    return done.stdout.strip()
