"""A data folder of its own for each test, and a repository to work from."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from pytest_django import Settings

from projects import repository
from projects.vault import Vault
from tests.projects.building import Worktree


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
