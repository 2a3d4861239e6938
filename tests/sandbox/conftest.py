"""The sandboxes of the conformance suite, one set per kind; tests that need more than a kind can do are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync

from tests.sandbox.backends import MAKERS, Maker


@pytest.fixture(params=sorted(MAKERS))
def maker(request: pytest.FixtureRequest) -> Iterator[Maker]:
    kind = MAKERS[request.param]
    for mark in request.node.iter_markers("needs"):
        for capability in mark.args:
            if not getattr(kind.capabilities, f"can_{capability}"):
                pytest.skip(f"{request.param} cannot {capability}")
    made = kind()
    yield made
    async_to_sync(made.close)()
