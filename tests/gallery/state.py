"""What a picture is taken of: a page in one state. A new state is a function of three lines in `states/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import Page

if TYPE_CHECKING:
    from tests.gallery.world import World
    from tests.journeys.browsing import Visitor

DESK, PHONE = "desk", "phone"
WIDTHS = {DESK: (1440, 1024), PHONE: (390, 360)}
HEIGHTS = {1440: 900, 1024: 768, 390: 844, 360: 740}


def _as_it_is(page: Page) -> None:
    """A state that needs nothing done."""


@dataclass(frozen=True)
class View:
    """Whose page it is (nobody's: signed out), where, what is done on it, and what must be seen before a picture."""

    visitor: Visitor | None
    path: str
    arrange: Callable[[Page], object] = _as_it_is
    shows: str = "main"
    origin: str = ""
    script: str = ""  # runs before those of the page
    forgives: tuple[str, ...] = ()
    after: Callable[[], object] = lambda: None
    looked_at: str = "html"  # what axe looks at: an open menu lies over things that nobody aims at
    is_ours: bool = True  # else axe and the targets say more of Django than of us


@dataclass(frozen=True)
class State:
    """A view to be made, and the devices on which there is one."""

    group: str
    name: str
    make: Callable[[World], View]
    devices: tuple[str, ...] = (DESK, PHONE)

    @property
    def title(self) -> str:
        return f"{self.group}-{self.name}"


_states: dict[str, State] = {}


def state(make: Callable[[World], View]) -> Callable[[World], View]:
    """One more state, named by its function and its module."""
    return on(DESK, PHONE)(make)


def on(*devices: str) -> Callable[[Callable[[World], View]], Callable[[World], View]]:
    """A state that there is on some devices only."""

    def keep(make: Callable[[World], View]) -> Callable[[World], View]:
        one = State(make.__module__.rpartition(".")[2], make.__name__.replace("_", "-"), make, devices)
        assert one.title not in _states, f"there are two states {one.title}"
        _states[one.title] = one
        return make

    return keep


def states(*wanted: str) -> Iterator[State]:
    """All of them, or those in whose titles one of the words is."""
    from tests.gallery.states import MODULES

    assert MODULES
    for one in _states.values():
        if not wanted or any(word in one.title for word in wanted):
            yield one
