"""The one error of the guest; its code is what the client maps to a class of its own."""

from __future__ import annotations


class Fail(Exception):
    """A verb could not be done: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
