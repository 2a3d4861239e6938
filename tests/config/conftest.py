"""A deployment for tests that run whole processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.config.deployment import Deployment


@pytest.fixture(scope="module")
def _deployed() -> Iterator[Deployment]:
    made = Deployment()
    yield made
    made.remove()


@pytest.fixture
def deployment(_deployed: Deployment) -> Iterator[Deployment]:
    """The module's: its database is up, and each test ends what it has started."""
    yield _deployed
    _deployed.stop_processes()
