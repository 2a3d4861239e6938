"""The program inside the sandbox: holds agents and terminals, runs commands, reads files, snapshots git.

Standard library only, Python 3.8 or later. It is packed into one archive and started by absolute path with
`python3 -I -S`; nothing on the server imports it.
"""

from __future__ import annotations

PROTOCOL = 1
