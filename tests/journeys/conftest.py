"""One real server for all journeys of a run, and the people who use it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.journeys.person import Person
from tests.journeys.server import Server, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def person(server: Server) -> Callable[[str], Person]:
    """`person("alice")` is someone new who has signed up."""

    def make(name: str) -> Person:
        someone = Person(server, f"{name}{next(_numbers)}@example.com")
        someone.sign_up()
        return someone

    return make
