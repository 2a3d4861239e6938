"""The way out of sandboxes that cannot be shown our sockets, whoever breaks it off and when."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

from sandbox.carrier import API, Carrier
from sandbox.client import GuestClient


class Conversation:
    """With a guest that says nothing, and is told what the socket has said."""

    def __init__(self) -> None:
        self.was_told = asyncio.Event()

    async def __aenter__(self) -> Conversation:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self) -> NoReturn:
        while True:
            await asyncio.Event().wait()

    async def send_data(self, _: bytes) -> None:
        self.was_told.set()


class TestACarrier:
    async def test_leaves_no_connection_open_though_it_is_cancelled_twice(self, tmp_path: Path) -> None:
        """As when a loop ends: it cancels whoever carries, and whoever then cancels those."""
        conversation, loop = Conversation(), asyncio.get_running_loop()
        offered = [conversation]

        async def take_gateway(_: str) -> Any:
            return offered.pop() if offered else await asyncio.Event().wait()

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / API))
            listener.listen()
            listener.setblocking(False)
            running = asyncio.create_task(
                Carrier(cast(GuestClient, SimpleNamespace(take_gateway=take_gateway)), tmp_path).run()
            )
            theirs, _ = await loop.sock_accept(listener)
            with theirs:
                await loop.sock_sendall(theirs, b"hello")
                await conversation.was_told.wait()

                for task in asyncio.all_tasks() - {asyncio.current_task(), running}:
                    task.cancel()
                await asyncio.sleep(0)
                running.cancel()
                await asyncio.wait({running})

                assert await asyncio.wait_for(loop.sock_recv(theirs, 1), 5) == b""
