"""One embedded server that dies again and again, and those who use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.world import Client, World, newcomer, worlds


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which fault each seed chose, and how it ended: `FAULT_SEED=n` chooses the same again."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == "fault" and report.when == "call":
                    terminalreporter.write_line(f"{value}: {outcome}")


@pytest.fixture(scope="module")
def module_world() -> Iterator[World]:
    with worlds() as made:
        yield made


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
    """Somebody with a project; what she was told before counts for every later test too."""
    return module_alice
