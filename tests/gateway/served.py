"""The gateway in a process of its own, on TCP and on a unix socket, as `manage.py serve` runs it."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

READY_S = 30


@dataclass
class Served:
    url: str
    socket: Path
    process: asyncio.subprocess.Process

    @property
    def rss_bytes(self) -> int:
        """Memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


@asynccontextmanager
async def serving(**variables: str) -> AsyncIterator[Served]:
    """Serve with these environment variables, on the tests' own database."""
    from django.db import connection

    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        path = Path(folder) / "gateway" / "api.sock"
        environment = {**os.environ, "TEST_DATABASE": str(connection.settings_dict["NAME"]), **variables}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, str(path), env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), READY_S)
            served = Served(f"http://{line.decode().strip()}", path, process)
            await _until_there(path)
            yield served
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def _until_there(path: Path) -> None:
    for _ in range(100):
        if _listens(path):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"nothing listens on {path}")


def _listens(path: Path) -> bool:
    return path.is_socket()


def main(path: Path) -> int:
    """What the process does."""
    import django
    from django.conf import settings

    import config.daphne  # noqa: F401  # first: it installs the reactor that daphne needs

    settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
    django.setup()
    from config import serving
    from gateway.asgi import application

    def announce(where: str) -> None:
        sys.stdout.write(where + "\n")
        sys.stdout.flush()

    return serving.run(
        serving.Plan(
            listen="127.0.0.1:0",
            web=application,
            gateway=application,
            gateway_socket=path,
            has_worker=False,
            announce=announce,
        )
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
