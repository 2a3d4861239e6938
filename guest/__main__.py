"""`serve` holds the sandbox, `hold` an agent; `call` and `trunk` carry conversations; `become` changes the user."""

from __future__ import annotations

import sys
from typing import List


def main(arguments: List[str]) -> int:
    """Run one of the roles; each imports only what it needs, because start-up time is felt."""
    role, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if role == "serve":
        from guest import serve

        return serve.main(rest)
    if role == "hold":
        from guest import hold

        return hold.main(rest)
    if role == "call":
        from guest import call

        return call.main(rest)
    if role == "trunk":
        from guest import trunk

        return trunk.main(rest)
    if role == "become":
        from guest import become

        return become.main(rest)
    sys.stderr.write("usage: guest serve|hold|call|trunk|become\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
