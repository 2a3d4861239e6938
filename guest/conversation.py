"""One call as a verb sees it: checked request fields, and the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

from guest import wire
from guest.errors import Fail

if TYPE_CHECKING:
    from guest.serve import Daemon


class Call:
    """The request of one connection."""

    def __init__(self, daemon: "Daemon", connection: wire.Wire, request: Dict[str, Any]) -> None:
        self.daemon = daemon
        self.wire = connection
        self.request = request

    def text(self, name: str, default: Optional[str] = None) -> str:
        """A string without NUL; required unless there is a default."""
        value = self.request.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or "\0" in value:
            raise Fail("bad_request", "%s must be text." % name)
        return value

    def optional(self, name: str) -> Optional[str]:
        return None if self.request.get(name) is None else self.text(name)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number, clamped."""
        value = self.request.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Fail("bad_request", "%s must be a number." % name)
        return min(max(value, low), high)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        return int(self.number(name, default, low, high))

    def flag(self, name: str) -> bool:
        return self.request.get(name) is True

    def texts(self, name: str) -> List[str]:
        """A list of strings; [] when left out."""
        value = self.request.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
            raise Fail("bad_request", "%s must be a list of texts." % name)
        return value

    def environment(self) -> Dict[str, str]:
        """The variables of the request."""
        value = self.request.get("env") or {}
        if not isinstance(value, dict):
            raise Fail("bad_request", "env must be an object.")
        for name, text in value.items():
            if not isinstance(text, str) or not name or "=" in name or "\0" in name + text:
                raise Fail("bad_request", "env holds something that is no variable.")
        return value

    def data(self, limit_bytes: int) -> Iterator[bytes]:
        """What the client sends after its request, up to its END."""
        total = 0
        while True:
            frame = self.wire.read()
            if frame is None:
                raise Fail("interrupted", "The connection ended before the data did.")
            kind, payload = frame
            if kind == wire.END:
                return
            if kind != wire.DATA:
                raise Fail("bad_request", "Data was expected.")
            total += len(payload)
            if total > limit_bytes:
                raise Fail("too_large", "More than %d bytes were sent." % limit_bytes)
            yield payload
