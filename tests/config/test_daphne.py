"""The server under slow readers, floods and crashes, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOW_READER_S = 4
PATIENCE_S = 60  # of tests; whatever is waited for takes a moment on an idle machine


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int
    gateway_socket: Path

    def get(self, path: str) -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", path)
            with connection.getresponse() as response:
                return response.read()

    def stats(self) -> dict[str, int]:
        return {name: int(value) for name, value in (pair.split("=") for pair in self.get("/stats").decode().split())}

    def is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S).close()
        except ConnectionRefusedError:
            return False
        return True

    def connect(self) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def shake_hands(self, path: str, header: bytes = b"") -> tuple[socket.socket, bytes]:
        """A connection that asked to become a WebSocket, and the head of the answer."""
        connection = self.connect()
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        request += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        connection.sendall(request.encode() + header + b"\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
            head += byte
        return connection, head

    def websocket(self, path: str) -> socket.socket:
        connection, head = self.shake_hands(path)
        assert b" 101 " in head
        return connection


def start(listen: str, gateway_socket: Path, drain_s: float = 3) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment["SLIPWAY_SLOW_READER_S"] = str(SLOW_READER_S)
    command = [sys.executable, "-m", "tests.config.served_apps", listen, str(gateway_socket), str(drain_s)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


@contextlib.contextmanager
def serving_at(gateway_socket: Path, **more: float) -> Iterator[Served]:
    process = start("127.0.0.1:0", gateway_socket, **more)
    assert process.stdout is not None
    where = process.stdout.readline().strip()
    try:
        yield Served(process, int(where.rpartition(":")[2]), gateway_socket)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving_at(tmp_path / "gateway" / "api.sock") as served:
        yield served


def frame(payload: bytes, opcode: int = 1) -> bytes:
    size = len(payload)
    head = bytes([0x80 | opcode])
    head += (
        bytes([0x80 | size])
        if size < 126
        else struct.pack("!BH", 0x80 | 126, size)
        if size < 65536
        else struct.pack("!BQ", 0x80 | 127, size)
    )
    return head + b"\0\0\0\0" + payload  # a mask of zeros leaves the payload as it is


def next_frame(incoming: BinaryIO) -> tuple[int, bytes]:
    """What kind the server's next one is of, and what it holds."""
    head, size = incoming.read(2)
    if size == 126:
        (size,) = struct.unpack("!H", incoming.read(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", incoming.read(8))
    return head & 0x0F, incoming.read(size)


def read_all(connection: socket.socket) -> None:
    while connection.recv(2**20):
        pass


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def log_of(served: Served) -> str:
    """All that the server wrote, which it ends for."""
    served.process.terminate()
    return served.process.communicate(timeout=PATIENCE_S)[1]


def close_code(connection: socket.socket) -> int:
    head = connection.recv(2, socket.MSG_WAITALL)
    assert head[0] & 0x0F == 8, head
    return int(struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0])


class TestSlowReaders:
    def test_a_stream_waits_for_its_reader(self, served: Served) -> None:
        before = served.stats()
        with served.connect() as reader:
            reader.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(1.5)
            after = served.stats()

        assert 0 < after["chunks"] < 300
        assert after["maxrss"] - before["maxrss"] < 20_000  # KiB

    def test_a_stream_arrives_whole_once_read(self, served: Served) -> None:
        assert len(served.get("/big")) == 3000 * 65536

    def test_a_websocket_waits_for_its_reader(self, served: Served) -> None:
        before = served.stats()
        with served.websocket("/flood"):
            time.sleep(1.5)
            after = served.stats()

        assert 0 < after["frames"] < 300
        assert after["maxrss"] - before["maxrss"] < 20_000

    def test_a_websocket_goes_on_when_its_reader_does(self, served: Served) -> None:
        with served.websocket("/flood") as reader:
            time.sleep(0.5)
            stuck = served.stats()["frames"]
            for _ in range(2000):
                reader.recv(65536)
            assert served.stats()["frames"] > stuck

    def test_the_end_of_a_client_frees_the_sender(self, served: Served) -> None:
        reader = served.connect()
        reader.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        reader.close()

        # What is sent to nobody is dropped, and the application comes to its end.
        assert eventually(lambda: served.stats()["chunks"] == 3000)

    def test_a_stream_that_nobody_takes_is_cut_off(self, served: Served) -> None:
        with served.connect() as reader:
            reader.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(64).startswith(b"HTTP/1.1 200")
            assert eventually(lambda: served.stats()["chunks"] == 3000)  # the application is rid of it

            with pytest.raises(ConnectionResetError):
                read_all(reader)

    def test_a_stream_that_is_taken_slowly_goes_on(self, served: Served) -> None:
        with served.connect() as reader:
            reader.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(SLOW_READER_S * 20):
                assert reader.recv(2**18)
                time.sleep(0.1)
            assert served.stats()["chunks"] < 3000

    def test_a_slow_websocket_is_told_that_it_was_too_slow(self, served: Served) -> None:
        with served.websocket("/impatient") as reader:
            assert eventually(lambda: served.stats()["sent_away"] == 1)
            with reader.makefile("rb") as incoming:
                kind, held = next_frame(incoming)
                while kind != 8:
                    kind, held = next_frame(incoming)

        assert held == struct.pack("!H", 1013)


class TestFloods:
    def test_a_deaf_consumer_stops_the_reading(self, served: Served) -> None:
        before = served.stats()
        with served.websocket("/deaf") as sender:
            sender.settimeout(1.5)
            payload, sent = frame(b"y" * 60000), 0
            with contextlib.suppress(TimeoutError):
                while sent < 3000:
                    sender.sendall(payload)
                    sent += 1

        assert sent < 600
        assert served.stats()["maxrss"] - before["maxrss"] < 40_000

    def test_messages_behind_a_full_inbox_all_arrive(self, served: Served) -> None:
        with served.websocket("/echo") as client:
            client.sendall(b"".join(frame(b"%d" % number) for number in range(1000)))
            received = b""
            while b"999" not in received:
                received += client.recv(65536)

        assert served.stats()["taken"] == 1000

    def test_a_message_of_a_mebibyte_is_taken_and_a_larger_one_is_not(self, served: Served) -> None:
        with served.websocket("/echo") as client:
            client.sendall(frame(b"z" * 2**20, opcode=2))
            assert client.recv(8, socket.MSG_WAITALL)[2:] == b"binary"
        with served.websocket("/echo") as client:
            client.sendall(frame(b"z" * (2**20 + 1), opcode=2))
            assert close_code(client) == 1009

    def test_sending_to_whom_was_just_closed_for_it_is_no_error_of_ours(self, served: Served) -> None:
        with served.websocket("/flood") as client:
            client.sendall(frame(b"z" * (2**20 + 1), opcode=2))
            with client.makefile("rb") as incoming:
                while next_frame(incoming)[0] != 8:
                    pass
            assert eventually(lambda: served.stats()["ended"] == 1)
            assert "Traceback" not in log_of(served)


class TestClosing:
    def test_carries_the_codes_of_the_protocol(self, served: Served) -> None:
        with served.websocket("/busy") as client:
            assert close_code(client) == 1013


class TestCrashes:
    def test_before_the_response_gives_500(self, served: Served) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/crash")
            with connection.getresponse() as response:
                assert response.status == 500

    def test_within_the_response_cuts_the_connection_and_leaves_the_others(self, served: Served) -> None:
        with pytest.raises(http.client.IncompleteRead):
            served.get("/crash-midway")
        time.sleep(1.2)  # daphne's checker has passed by
        assert served.get("/") == b"hello"


class TestHandshakes:
    @pytest.mark.parametrize(
        "header",
        [
            b"Origin: http://127.0.0.1:80.evil.example\r\n",
            b"Origin: \xff\r\n",
            b"X-\xff: 1\r\n",
            b"Sec-WebSocket-Protocol: \xff\r\n",
        ],
    )
    def test_that_make_no_sense_are_refused_and_no_error_of_ours(self, served: Served, header: bytes) -> None:
        connection, head = served.shake_hands("/busy", header)
        connection.close()

        assert b" 101 " not in head
        assert served.get("/") == b"hello"
        assert "Traceback" not in log_of(served)


class TestGatewaySocket:
    def fetch(self, path: Path) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        return answer

    def fetched_in_time(self, path: Path) -> bytes:
        """What a server answers that is only taking the socket over: it says that it is ready a little before."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.fetch(path)
            except (ConnectionRefusedError, ConnectionResetError, FileNotFoundError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def test_serves_the_gateway_and_nothing_else(self, served: Served) -> None:
        assert self.fetched_in_time(served.gateway_socket).endswith(b"gateway only")

    def test_can_be_reached_but_not_listed(self, served: Served) -> None:
        self.fetched_in_time(served.gateway_socket)

        assert stat.S_IMODE(served.gateway_socket.stat().st_mode) == 0o666
        assert stat.S_IMODE(served.gateway_socket.parent.stat().st_mode) == 0o711

    def test_replaces_the_file_of_a_killed_server(self, served: Served) -> None:
        self.fetched_in_time(served.gateway_socket)
        served.process.kill()
        served.process.wait()
        assert served.gateway_socket.exists()

        second = start("127.0.0.1:0", served.gateway_socket)
        try:
            assert second.stdout is not None
            second.stdout.readline()
            assert self.fetched_in_time(served.gateway_socket).endswith(b"gateway only")
        finally:
            second.kill()
            second.communicate()

    def test_passes_to_the_next_server_when_the_first_leaves(self, served: Served) -> None:
        second = start("127.0.0.1:0", served.gateway_socket)
        try:
            assert second.stdout is not None
            second.stdout.readline()
            assert self.fetched_in_time(served.gateway_socket).endswith(b"gateway only")
            served.process.send_signal(signal.SIGTERM)
            served.process.wait(PATIENCE_S)
            assert self.fetched_in_time(served.gateway_socket).endswith(b"gateway only")
        finally:
            second.kill()
            second.communicate()


class TestLeaving:
    def test_sends_websockets_away_with_1012(self, served: Served) -> None:
        with served.websocket("/echo") as client:
            served.process.send_signal(signal.SIGTERM)
            assert close_code(client) == 1012
        assert served.process.wait(PATIENCE_S) == 0

    def test_lets_a_request_finish_and_takes_no_new_one(self, tmp_path: Path) -> None:
        may_finish = tmp_path / "may-finish"
        with serving_at(tmp_path / "gateway" / "api.sock", drain_s=PATIENCE_S * 10) as served:
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
            with contextlib.closing(connection):
                connection.request("GET", f"/slow?{may_finish}")
                assert eventually(lambda: served.stats()["slow"] == 1)
                served.process.send_signal(signal.SIGTERM)
                assert eventually(lambda: not served.is_listening())
                may_finish.touch()
                with connection.getresponse() as response:
                    assert response.read() == b"finished"
            assert served.process.wait(PATIENCE_S) == 0

    def test_ends_streams_that_never_would(self, served: Served) -> None:
        with served.connect() as reader:
            reader.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            reader.recv(1000)
            served.process.send_signal(signal.SIGINT)
            assert served.process.wait(PATIENCE_S) == 0

    def test_leaves_at_once_on_a_second_signal(self, tmp_path: Path) -> None:
        with (
            serving_at(tmp_path / "gateway" / "api.sock", drain_s=PATIENCE_S * 10) as served,
            served.connect() as reader,
        ):
            reader.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            reader.recv(1000)
            served.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: not served.is_listening())
            assert served.process.poll() is None
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE_S) == 0


class TestStarting:
    def test_says_when_the_address_is_taken(self, served: Served, tmp_path: Path) -> None:
        second = start(f"127.0.0.1:{served.port}", tmp_path / "second" / "api.sock")
        _, stderr = second.communicate(timeout=PATIENCE_S)

        assert second.returncode == 1
        assert "SLIPWAY_LISTEN" in stderr

    def test_says_when_the_address_is_none(self, tmp_path: Path) -> None:
        process = start("nonsense", tmp_path / "gateway" / "api.sock")
        _, stderr = process.communicate(timeout=PATIENCE_S)

        assert process.returncode == 1
        assert "is not host:port" in stderr
