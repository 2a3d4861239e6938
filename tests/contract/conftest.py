"""Contract tests need the real CLI; without it they are skipped loudly, and in CI they fail."""

from __future__ import annotations

import os

import pytest

from sessions.engine import cli


@pytest.fixture(autouse=True)
def installed_cli(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("cli") is None:
        return
    try:
        cli.find_cli()
    except cli.CliMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(missing.message)
        pytest.skip(missing.message)
