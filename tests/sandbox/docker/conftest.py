"""A maker of containers for tests that only this kind needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync

from tests.sandbox.backends import DockerMaker, GvisorMaker


@pytest.fixture
def docker() -> Iterator[DockerMaker]:
    """runc."""
    yield from _made(DockerMaker())


@pytest.fixture
def gvisor() -> Iterator[DockerMaker]:
    yield from _made(GvisorMaker())


@pytest.fixture(params=[DockerMaker, GvisorMaker], ids=["runc", "runsc"])
def either(request: pytest.FixtureRequest) -> Iterator[DockerMaker]:
    """Each of the two runtimes."""
    yield from _made(request.param())


def _made(maker: DockerMaker) -> Iterator[DockerMaker]:
    yield maker
    async_to_sync(maker.close)()
