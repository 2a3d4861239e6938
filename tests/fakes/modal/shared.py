"""One local Modal for all tests of a process: started at the first use, ended with it."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from functools import cache

from tests.fakes.modal import LocalModal, running

_open = ExitStack()
atexit.register(_open.close)


@cache
def local_modal() -> LocalModal:
    """The one of this process."""
    return _open.enter_context(running())
