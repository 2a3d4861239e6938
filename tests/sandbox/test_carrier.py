"""The way out of sandboxes that cannot be shown our sockets, whoever breaks it off and when."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from sandbox.carrier import API, MOST_CARRIED, SSH_AGENT, Carrier
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


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        yield listener


def carrier(conversations: list[Conversation], folder: Path, name: str = API) -> Carrier:
    """Of a sandbox where somebody connects so many times."""

    async def take_gateway(_: str) -> Any:
        return conversations.pop() if conversations else await asyncio.Event().wait()

    return Carrier(cast(GuestClient, SimpleNamespace(take_gateway=take_gateway)), folder, name)


class TestACarrier:
    async def test_carries_no_more_than_its_share_to_a_lent_agent(self, tmp_path: Path) -> None:
        loop, conversations = asyncio.get_running_loop(), [Conversation() for _ in range(MOST_CARRIED[SSH_AGENT] + 4)]
        with listening(tmp_path / SSH_AGENT) as listener, ExitStack() as stack:
            running = asyncio.create_task(carrier(conversations, tmp_path, SSH_AGENT).run())
            for _ in range(MOST_CARRIED[SSH_AGENT]):
                stack.enter_context((await loop.sock_accept(listener))[0])

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop.sock_accept(listener), 0.1)

            assert len(conversations) == 4
            running.cancel()
            await asyncio.wait({running})

    async def test_leaves_no_connection_open_though_it_is_cancelled_twice(self, tmp_path: Path) -> None:
        """As when a loop ends: it cancels whoever carries, and whoever then cancels those."""
        conversation, loop = Conversation(), asyncio.get_running_loop()
        with listening(tmp_path / API) as listener:
            running = asyncio.create_task(carrier([conversation], tmp_path).run())
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
