"""The error tree is total: every code of the guest has a class, and every class a code and a message."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sandbox import errors
from sandbox.guest_archive import SOURCE


def leaves(kind: type[errors.GuestError]) -> Iterator[type[errors.GuestError]]:
    for child in kind.__subclasses__():
        yield child
        yield from leaves(child)


class TestGuestError:
    def test_has_a_class_for_every_code_that_the_guest_uses(self) -> None:
        # `machine.py` answers those who reach a machine, not those who speak with a guest.
        source = "".join(path.read_text() for path in SOURCE.glob("*.py") if path.name != "machine.py")
        used = set(re.findall(r'Fail\(\s*"([a-z_]+)"', source)) | set(re.findall(r'"code": "([a-z_]+)"', source))

        assert len(used) > 10
        assert used <= set(errors.CLASSES)
        assert set(errors.CLASSES) - used == {"bad_answer"}

    def test_maps_every_subclass(self) -> None:
        assert set(leaves(errors.GuestError)) == set(errors.CLASSES.values())

    @pytest.mark.parametrize("code", sorted(errors.CLASSES))
    def test_makes_the_class_of_a_code(self, code: str) -> None:
        error = errors.GuestError.of(code, "")

        assert (error.code, error.given_code) == (code, code)
        assert error.message == type(error).__doc__

    def test_keeps_a_code_it_does_not_know(self) -> None:
        error = errors.GuestError.of("invented", "what?")

        assert (type(error), error.given_code, error.message) == (errors.GuestError, "invented", "what?")
