"""Async tests, and the cast: alice owns, bob is a member, charlie is a stranger."""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import hypothesis
import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.test import TransactionTestCase

from accounts.auth import actor_for
from accounts.models import Organization, User
from accounts.tenancy import Actor, Role
from tests import factories
from tests.client import ApiClient

ROOT = Path(__file__).parent
LONGER = {"cluster": 3, "chaos": 6}  # there are five processes to start, and those that died again
# Files that take longest come first, so that at the end no worker is alone.
LONGEST = (
    "faults/test_kinds.py",
    "journeys/test_cluster.py",
    "sandbox/test_conformance_lifecycle.py",
    "test_access_matrix.py",
)
# Then those that mostly wait for containers and agents, evenly among those that mostly compute; the quick ones last.
WAITING = {"sandbox", "contract", "images"}
BUSY = {"journeys", "faults", "bench", "config", "gallery"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="keep a picture of the last page of each browser journey")
    parser.addoption("--cluster", action="store_true", help="run the journeys against two webs, two workers and Redis")


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says something about the machine only.
    hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
    hypothesis.settings.load_profile("patient")
    if config.getoption("--cluster"):
        os.environ["JOURNEYS"] = "cluster"  # which the workers of xdist inherit


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    turns = _turns(list(dict.fromkeys(item.path for item in items)))
    items.sort(key=lambda item: turns[item.path])
    kind = os.environ.get("JOURNEYS", "")
    if kind == "chaos":
        without = [item for item in items if item.get_closest_marker("undisturbed")]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    if kind in LONGER:
        for item in items:
            mark = item.get_closest_marker("timeout")
            seconds = float(mark.args[0] if mark else config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(seconds * LONGER[kind]), append=False)


def _turns(paths: list[Path]) -> dict[Path, float]:
    """When it is a file's turn: the smaller, the earlier."""
    turns = dict.fromkeys(paths, 1.0)
    for parts in (WAITING, BUSY):
        files = [path for path in paths if parts & set(path.relative_to(ROOT).parts)]
        turns |= {path: number / len(files) for number, path in enumerate(files)}
    return turns | {ROOT / name: number - len(LONGEST) for number, name in enumerate(LONGEST)}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests so that sync ORM code stays on the test's own connection and rolls back with it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    async_to_sync(pyfuncitem.obj)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _leftovers() -> Iterator[None]:
    """What a file leaves open is told at its own last test, and not at that of a stranger who comes by the garbage."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _connections_stay_open() -> Iterator[None]:
    """database_sync_to_async would close the connection whose transaction holds the test's rows."""
    with mock.patch("channels.db.close_old_connections"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _clearing() -> Iterator[None]:
    """After tests that really commit: Django's own way, to truncate and to fill in again, takes a hundred times as long
    for a few rows, and leaves out the tables of jobs, which it does not manage."""
    with mock.patch.object(TransactionTestCase, "_fixture_teardown", _delete_all_rows):
        yield


def _delete_all_rows(_: TransactionTestCase) -> None:
    kept = {"django_migrations", "django_content_type", "auth_permission"}
    tables = sorted({*connection.introspection.table_names()} - kept)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f'delete from "{table}"' for table in tables))


@pytest.fixture
def alice(db: None) -> User:
    """OWNER of the organisation `acme`."""
    user = factories.make_user("alice@example.com", "Alice")
    factories.make_organization("acme", user)
    return user


@pytest.fixture
def organization(alice: User) -> Organization:
    """Alice's organisation, `acme`."""
    return alice.organizations.get()


@pytest.fixture
def ada(organization: Organization) -> User:
    """ADMIN of `acme`."""
    user = factories.make_user("ada@example.com", "Ada")
    factories.join(organization, user, Role.ADMIN)
    return user


@pytest.fixture
def bob(organization: Organization) -> User:
    """MEMBER of `acme`."""
    user = factories.make_user("bob@example.com", "Bob")
    factories.join(organization, user, Role.MEMBER)
    return user


@pytest.fixture
def vera(organization: Organization) -> User:
    """VIEWER of `acme`."""
    user = factories.make_user("vera@example.com", "Vera")
    factories.join(organization, user, Role.VIEWER)
    return user


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger to `acme`, OWNER of his own organisation `charlie & sons`."""
    user = factories.make_user("charlie@example.com", "Charlie")
    factories.make_organization("charlie & sons", user)
    return user


@pytest.fixture
def api() -> type[ApiClient]:
    """`api(alice)` has a browser session, `api(token=text)` a bearer token, `api()` nothing."""
    return ApiClient


@pytest.fixture
def actor() -> Callable[[User], Actor]:
    """`actor(alice)`: alice with her roles as they are now."""
    return actor_for
