"""daphne as we run it: senders wait for slow clients, floods for slow consumers, crashes end one connection only."""

from __future__ import annotations

from daphne.server import Server, twisted_loop  # isort: skip  # first: it installs the asyncio reactor

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from autobahn.exception import Disconnected
from autobahn.websocket.types import ConnectionDeny
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor as _reactor
from twisted.internet.defer import maybeDeferred
from twisted.logger import STDLibLogObserver, globalLogBeginner

from config import bodies

logger = structlog.get_logger(__name__)
reactor: Any = _reactor  # the name is typed as a module of interfaces

Message = dict[str, Any]
AsgiApplication = Callable[..., Coroutine[Any, Any, None]]

MAX_WEBSOCKET_BYTES = 1024 * 1024  # of one message and of one frame
MAX_INBOX = 64  # WebSocket messages that wait for their consumer before we stop reading the socket
CLOSING_S = 10  # in which a client takes what was sent before the close frame, and answers it
RESTARTING = 1012  # close code

__all__ = ["BackPressureServer", "bind_tcp", "bind_unix", "reactor", "twisted_loop"]


class Valve:
    """Twisted's push producer: closed while the transport's own buffer is full."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.is_open.set()

    def pauseProducing(self) -> None:
        self.is_open.clear()

    def resumeProducing(self) -> None:
        self.is_open.set()

    def stopProducing(self) -> None:
        self.is_open.set()


class Inbox(asyncio.Queue[Message]):
    """What a WebSocket client sent; reading the socket pauses while its consumer is `MAX_INBOX` messages behind."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self.transport = transport
        self.is_paused = False

    def put_nowait(self, item: Message) -> None:
        super().put_nowait(item)
        if not self.is_paused and self.qsize() >= MAX_INBOX:
            self.is_paused = True
            self.transport.pauseProducing()

    async def get(self) -> Message:
        item = await super().get()
        if self.is_paused and self.qsize() <= MAX_INBOX // 2:
            self.is_paused = False
            with contextlib.suppress(Exception):  # the connection may be gone
                self.transport.resumeProducing()
        return item


class Body(asyncio.Queue[Message]):
    """What a request's sender wrote, read from Twisted's file when the application asks for it and not before."""

    def __init__(self, content: Any) -> None:
        super().__init__()
        self.content = content
        self.position = 0

    def put_nowait(self, item: Message) -> None:
        if item["type"] == "http.request":
            item = {**item, "body": len(item["body"])}
        super().put_nowait(item)

    async def get(self) -> Message:
        item = await super().get()
        if item["type"] != "http.request":
            return item
        if self.content.closed:
            return {"type": "http.disconnect"}
        self.content.seek(self.position)
        self.position += item["body"]
        return {**item, "body": self.content.read(item["body"])}


class Request(WebRequest):  # type: ignore[misc]
    """daphne's request, of which no more is kept than its address takes, and no form is parsed.

    Twisted would parse forms for us, of anyone, in the event loop: 100 MB took 20 seconds and 2 GB of memory.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._parsePOSTFormSubmission = False
        self.bytes_left: int | None = None  # of the body; known with its first piece
        self.is_answered = False

    def handleContentChunk(self, data: bytes) -> None:
        """What is too much is read and dropped: a client that is cut off while it sends sees no answer."""
        if self.bytes_left is None:
            self.bytes_left = bodies.most_bytes(self.channel._path.split(b"?", 1)[0])
            if self._declared_bytes() > self.bytes_left:
                self.bytes_left = 0
                self._refuse_at_once()
        if self.bytes_left < 0:
            return
        self.bytes_left -= len(data)
        if self.bytes_left >= 0:
            super().handleContentChunk(data)
        else:
            self.content.seek(0)
            self.content.truncate()  # nothing of it stays on the disk while the rest comes

    def _declared_bytes(self) -> int:
        declared = self.requestHeaders.getRawHeaders(b"content-length", [b"0"])
        return int(declared[0])  # which Twisted has read before us

    def process(self) -> Any:
        if self.is_answered:
            return self.channel.loseConnection()
        is_too_large = self.bytes_left is not None and self.bytes_left < 0
        return self._refuse() if is_too_large else super().process()

    def _refuse(self) -> None:
        id, body = bodies.refusal(self.path)
        headers = [(b"content-type", b"application/json"), (b"x-request-id", id.encode())]
        self.handle_reply({"type": "http.response.start", "status": 413, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": body})

    def _refuse_at_once(self) -> None:
        """Answer while the body still comes: who listens stops sending, who does not reads the answer afterwards.

        Past Twisted, which would take the rest of the body for the next request.
        """
        self.is_answered = True
        id, body = bodies.refusal(self.channel._path)
        head = f"content-type: application/json\r\nx-request-id: {id}\r\ncontent-length: {len(body)}\r\n"
        said = f"HTTP/1.1 413 Request Entity Too Large\r\n{head}connection: close\r\n\r\n"
        self.channel.transport.write(said.encode() + body)


class Factory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, address: Any) -> Any:
        protocol = super().buildProtocol(address)
        protocol.requestFactory = Request
        return protocol


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """A WebSocket that may be refused for its handshake before daphne has taken notice of it."""

    client_addr: list[Any] | None = None

    def onConnect(self, request: Any) -> Any:
        names = "".join((request.path, *request.headers, request.headers.get("sec-websocket-protocol", "")))
        if not names.isascii():
            raise ConnectionDeny(400, "The path and the names of headers must be ASCII.")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if hasattr(self, "server"):
            super().onClose(wasClean, code, reason)


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    protocol = Socket


class BackPressureServer(Server):  # type: ignore[misc]  # daphne has no types
    """One ASGI application behind any number of listening sockets, within the running loop and reactor."""

    def __init__(self, application: AsgiApplication) -> None:
        _send_twisted_logs_to_logging()
        super().__init__(
            application,
            ["none: listen() is given bound sockets"],
            signal_handlers=False,
            ping_interval=20,
            ping_timeout=30,
            websocket_max_message_size=MAX_WEBSOCKET_BYTES,
            websocket_max_frame_size=MAX_WEBSOCKET_BYTES,
            websocket_timeout=-1,  # stock daphne ends every WebSocket after a day
            server_name="slipway",
        )
        self.ports: list[Any] = []
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = Factory(self)
        self.ws_factory = SocketFactory(self, server=self.server_name)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            allowNullOrigin=True,  # origins are checked exactly, in config.asgi
            openHandshakeTimeout=self.websocket_handshake_timeout,
            maxMessagePayloadSize=self.websocket_max_message_size,
            maxFramePayloadSize=self.websocket_max_frame_size,
            closeHandshakeTimeout=CLOSING_S,
            failByDrop=False,  # say 1009 to too large a message instead of cutting the line
        )
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)

    def listen(self, bound: socket.socket) -> None:
        """Serve connections of a bound, listening socket."""
        with bound:
            port = reactor.adoptStreamPort(bound.fileno(), bound.family, self.http_factory)
        self.ports.append(port)

    async def stop_listening(self) -> None:
        """Take no further connections; those that are open stay."""
        ports, self.ports = self.ports, []
        for port in ports:
            await maybeDeferred(port.stopListening).asFuture(asyncio.get_running_loop())

    def close_websockets(self) -> None:
        """Tell every WebSocket client that the server restarts, so that it comes back at once."""
        for protocol in list(self.connections):
            if isinstance(protocol, WebSocketProtocol):
                with contextlib.suppress(Exception):
                    protocol.sendCloseFrame(code=RESTARTING)

    async def drain(self, timeout_s: float) -> None:
        """Wait for open requests to end, then cancel those that have not: streams end here."""
        left = set(self._running())
        if left and timeout_s > 0:
            _, left = await asyncio.wait(left, timeout=timeout_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2)

    def _running(self) -> list[asyncio.Task[None]]:
        tasks = [details.get("application_instance") for details in self.connections.values()]
        return [task for task in tasks if task is not None and not task.done()]

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> asyncio.Queue[Message] | None:
        """Start the application for one request or WebSocket; daphne puts what arrives into the queue we return."""
        details = self.connections.get(protocol)
        if details is None:
            return None
        is_websocket = scope["type"] == "websocket"
        inbox: asyncio.Queue[Message] = Inbox(protocol.transport) if is_websocket else Body(protocol.content)
        scope.setdefault("asgi", {"version": "3.0"})
        details["application_instance"] = asyncio.ensure_future(self._run(protocol, scope, inbox))
        return inbox

    async def _run(self, protocol: Any, scope: dict[str, Any], inbox: asyncio.Queue[Message]) -> None:
        async def send(message: Message) -> None:
            await self.handle_reply(protocol, message)

        try:
            await self.application(scope, inbox.get, send)
        except ConnectionAbortedError:
            logger.info("sent_to_a_closed_connection", path=scope.get("path"), protocol=scope["type"])
        except Exception:
            # daphne's own handler raises when the response has begun, and its checker loop dies of that.
            logger.exception("application_crashed", path=scope.get("path"), protocol=scope["type"])
            self._abort(protocol)

    def _abort(self, protocol: Any) -> None:
        if protocol not in self.connections or "disconnected" in self.connections[protocol]:
            return
        with contextlib.suppress(Exception):
            if getattr(protocol, "_response_started", False):
                protocol.channel.loseConnection()  # a cut body is an error to the client, an ended one would not be
            else:
                protocol.handle_exception(None)

    async def handle_reply(self, protocol: Any, message: Message) -> None:
        """Write one message once the client has taken the earlier ones; at most one waits in our memory."""
        is_close = message["type"] == "websocket.close"  # which a client that takes nothing is sent too
        valve = None if is_close else self._valve(protocol, message)
        if valve is not None:
            await _taken(protocol, valve)
            if message["type"] == "http.response.body" and not message.get("more_body") and protocol.producer is valve:
                protocol.unregisterProducer()
        if is_close and self._close_by_protocol(protocol, message.get("code", 1000)):
            return
        try:
            await super().handle_reply(protocol, message)
        except Disconnected as error:
            raise ConnectionAbortedError("The WebSocket is being closed.") from error

    def _close_by_protocol(self, protocol: Any, code: int) -> bool:
        """Close with one of the protocol's own codes, such as 1013, which daphne's way refuses to send."""
        if not 1000 < code < 3000 or protocol not in self.connections or protocol.state != protocol.STATE_OPEN:
            return False
        protocol.sendCloseFrame(code=code)
        return True

    def _valve(self, protocol: Any, message: Message) -> Valve | None:
        """The connection's valve; a whole response in one piece needs none."""
        details = self.connections.get(protocol)
        if details is None or "disconnected" in details:
            return None
        valve: Valve | None = details.get("valve")
        if valve is not None:
            return valve
        is_stream = message["type"] == "http.response.body" and message.get("more_body", False)
        if is_stream or message["type"] == "websocket.send":
            valve = details["valve"] = Valve()
            if message["type"] == "websocket.send":
                protocol.unregisterProducer()  # the HTTP channel that the connection began as
            protocol.registerProducer(valve, True)
        return valve

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        valve = self.connections[protocol].get("valve")
        if valve is not None:
            valve.is_open.set()


async def _taken(protocol: Any, valve: Valve) -> None:
    """Wait until the client has taken what was written; one that takes not a byte for long is cut off.

    The application hears of it as of any client that leaves.
    """
    while not valve.is_open.is_set():
        connection = getattr(protocol, "channel", protocol).transport
        before = _unsent_bytes(connection)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.SLOW_READER_S):
                await valve.is_open.wait()
        if not valve.is_open.is_set() and _unsent_bytes(connection) >= before:
            logger.info("slow_reader_cut_off", path=getattr(protocol, "path", b"").decode("ascii", "replace"))
            connection.abortConnection()
            await valve.is_open.wait()


def _unsent_bytes(connection: Any) -> int:
    """What Twisted still holds for the kernel."""
    return len(connection.dataBuffer) - int(connection.offset) + int(connection._tempDataLen)


@functools.cache
def _send_twisted_logs_to_logging() -> None:
    observers: list[Any] = [STDLibLogObserver("twisted")]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)


def bind_tcp(address: str) -> socket.socket:
    """A socket that listens on `host:port` (IPv6 hosts in brackets).

    Raises: ValueError (not an address); OSError (taken, or not ours).
    """
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"{address!r} is not host:port")
    host = host.strip("[]")
    family, kind, proto, _, target = socket.getaddrinfo(
        host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, proto)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(target)
        bound.listen(1024)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def bind_unix(path: Path, mode: int = 0o666) -> socket.socket:
    """A listening socket at `path`, which nothing may occupy."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(mode)
        bound.listen(1024)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
