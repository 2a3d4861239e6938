"""A data folder of its own for each test, and a repository to work from."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.auth import actor_for
from accounts.models import Organization, User
from accounts.tenancy import Actor
from projects import repository
from projects.vault import Vault
from tests.projects import serving
from tests.projects.building import Worktree
from tests.projects.serving import GitServer


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return Path(settings.DATA_DIR)


@pytest.fixture
def worktree(tmp_path: Path) -> Worktree:
    """What an agent's clone would be: an ordinary repository with a first commit on main."""
    return Worktree.create(tmp_path / "worktree")


@pytest.fixture
def vault() -> Vault:
    """A vault with one commit: README.md."""
    vault = Vault(uuid.uuid4())
    with repository.quarantine() as scratch:
        scratch.commit_files([repository.text_file("README.md", b"hello\n")], branch="main", message="Start")
        scratch.move_to(vault.path)
    return vault


@pytest.fixture
def server(tmp_path: Path, worktree: Worktree, settings: Settings) -> Iterator[GitServer]:
    """`/repo.git` over http, on an address that the operator allows although it is private."""
    worktree.git("clone", "--quiet", "--bare", ".", str(tmp_path / "served/repo.git"))
    with serving.serve(tmp_path / "served") as server:
        settings.CLONE_PRIVATE_HOSTS = [server.origin]
        yield server


@pytest.fixture
def alice_actor(alice: User, organization: Organization) -> Actor:
    return actor_for(alice)
