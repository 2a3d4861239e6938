"""The sandboxes of the conformance suite, one set per kind; a kind runs what its capabilities promise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync

from tests.sandbox.backends import MAKERS, Maker
from tests.sandbox.spares import Spares


@pytest.fixture(scope="session")
def spares() -> Iterator[Spares]:
    kept = Spares()
    yield kept
    async_to_sync(kept.close)()


@pytest.fixture
def maker(maker_kind: str, request: pytest.FixtureRequest, spares: Spares) -> Iterator[Maker]:
    made = MAKERS[maker_kind]()
    # Where processes are not apart from those of the machine, all of them cannot be ended.
    if request.node.get_closest_marker("shares") and made.capabilities.can_confine:
        made.spare = async_to_sync(spares.take)(maker_kind, type(made))
    yield made
    async_to_sync(made.close)()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that needs what a kind cannot do is not made for it: a skip would mean that something is missing here."""
    if "maker" in metafunc.fixturenames:
        metafunc.fixturenames.append("maker_kind")
        needed = {name for mark in metafunc.definition.iter_markers("needs") for name in mark.args}
        able = [kind for kind in sorted(MAKERS) if all(_has(MAKERS[kind], name) for name in needed)]
        metafunc.parametrize("maker_kind", able)


def _has(made: type[Maker], name: str) -> bool:
    return made.has_folder if name == "folder" else bool(getattr(made.capabilities, f"can_{name}"))
