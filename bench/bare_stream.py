"""The baseline of streaming: for each WebSocket one scripted agent as a bare child, its pipe copied to the socket."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid

from aiohttp import web

from bench import line_agent


async def stream(request: web.Request) -> web.WebSocketResponse:
    """The client's first message is the prompt; every line of the agent is sent on until its turn has ended."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    prompt = await socket.receive_str()
    pipe = asyncio.subprocess.PIPE
    agent = await asyncio.create_subprocess_exec(sys.executable, line_agent.__file__, stdin=pipe, stdout=pipe)
    assert agent.stdin is not None
    assert agent.stdout is not None
    message = {"type": "user", "uuid": str(uuid.uuid4()), "message": {"role": "user", "content": prompt}}
    agent.stdin.write(json.dumps(message).encode() + b"\n")
    async for line in agent.stdout:
        await socket.send_str(line.decode())
        if line.startswith(b'{"type": "result"'):
            break
    agent.stdin.close()
    await agent.wait()
    await socket.close()
    return socket


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/", stream)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
