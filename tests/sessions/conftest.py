"""The stage on which turns are played; its rows are committed, since the runner writes on connections of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Organization, User
from sandbox import registry
from sessions.engine import agent, attendant
from tests.sessions import stage as stages
from tests.sessions.stage import ScriptedBackend, Stage


@pytest.fixture
def stage(
    transactional_db: None,
    alice: User,
    organization: Organization,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    """A session without a sandbox yet; what it gets is scripted, and nobody is patient."""
    program = tmp_path / "claude"
    program.touch()
    settings.CLAUDE_CLI, settings.DATA_DIR = str(program), tmp_path / "data"
    monkeypatch.setattr(stages, "backend", ScriptedBackend())
    monkeypatch.setattr(registry, "BACKENDS", {"local": registry.Entry(stages.__name__, "Nothing to install.")})
    for module in (agent, attendant):
        monkeypatch.setattr(module, "GRACE_S", 0.2)
    return Stage(alice, organization, stages.backend)
