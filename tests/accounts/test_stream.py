"""How often a stream looks: soon while something goes on, less and less while nothing does."""

from __future__ import annotations

import pytest

from accounts import stream
from accounts.auth import actor_for
from accounts.credentials import Credentials
from accounts.models import User
from accounts.stream import Look

pytestmark = pytest.mark.django_db


class TestLooking:
    def test_is_put_off_while_nothing_happens_and_soon_again_when_something_does(self, alice: User) -> None:
        looks = iter([*([Look([], is_over=False)] * 9), Look(["something"], is_over=False), Look([], is_over=True)])
        frames = stream._Frames(Credentials(actor_for(alice), None), lambda actor: next(looks))

        pauses = []
        for _ in range(10):
            frames.poll()
            pauses.append(frames.pause_s)

        assert pauses[:9] == sorted(pauses[:9])
        assert (pauses[8], pauses[9]) == (stream.LATER_S, stream.SOON_S)
        assert frames.poll() == b""
        assert frames.is_over
