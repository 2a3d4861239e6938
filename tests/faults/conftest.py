"""One embedded server that dies again and again, and those who use it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.world import Client, World, newcomer, worlds


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `FAULT_ALL` only what every change must pass; `python3 dev faults` runs the rest too."""
    if os.environ.get("FAULT_ALL"):
        return
    rest = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=rest)
    items[:] = [item for item in items if item not in rest]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which fault each seed chose, and how it ended: `FAULT_SEED=n` chooses the same again."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == "fault" and report.when == "call":
                    terminalreporter.write_line(f"{value}: {outcome}")


@pytest.fixture(scope="session")
def shared_world() -> Iterator[World]:
    with worlds() as made:
        yield made


@pytest.fixture(scope="module")
def module_world(shared_world: World) -> World:
    """The one for all; a module that needs another one makes its own."""
    return shared_world


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    """The module's server, up and with no fail point set."""
    module_world.disarm()
    module_world.tend()
    yield module_world
    module_world.disarm()


@pytest.fixture(scope="module")
def module_alice(module_world: World) -> Client:
    return newcomer(module_world, "alice")


@pytest.fixture
def alice(module_alice: Client) -> Client:
    """Somebody with a project; each test asks only for what she was told in it."""
    module_alice.acknowledged.clear()
    return module_alice
