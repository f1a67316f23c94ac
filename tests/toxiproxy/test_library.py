"""Our transport under toxiproxy-python: whatever answers, the caller hears what is wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.toxiproxy import ServerFailed, Toxiproxy, Unreachable


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says the same to everybody, or nothing at all; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                kept.append(client)
                if answer:
                    client.recv(65536)
                    client.sendall(answer)
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for client in kept:
                client.close()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_nothing_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        Toxiproxy("127.0.0.1", port).version()


def test_a_silent_server_is_given_up() -> None:
    """toxiproxy-python alone waits for ever on a server that has deadlocked."""
    with answering(b"") as port, pytest.raises(Unreachable, match=r"within 0\.2 s"):
        Toxiproxy("127.0.0.1", port, timeout_s=0.2).proxies()


@pytest.mark.parametrize("body", ["<html>", '["x"]', '"x"', "{}", ""])
def test_what_is_not_a_toxiproxy_is_told_apart(body: str) -> None:
    with answering(http("200 OK", body)) as port:
        with pytest.raises(Unreachable):
            Toxiproxy("127.0.0.1", port).version()
        with pytest.raises(Unreachable):
            Toxiproxy("127.0.0.1", port).create("p", "127.0.0.1:9")


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Service Unavailable", "301 Moved"])
def test_a_failure_that_the_library_ignores_is_raised(status: str) -> None:
    with answering(http(status, "<html>Timeout</html>")) as port:
        toxiproxy = Toxiproxy("127.0.0.1", port)
        with pytest.raises(ServerFailed, match=status[:3]) as failed:
            toxiproxy.reset()
        assert failed.value.status == int(status[:3])
