"""Our transport under toxiproxy-python: whatever answers, the caller hears what is wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.toxiproxy import ServerFailed, Toxiproxy, ToxiproxyError, Unreachable


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


@contextmanager
def old_server(version: str) -> Iterator[tuple[int, list[str]]]:
    """A Toxiproxy that says it is of some version, and the methods that updates came by."""
    methods: list[str] = []
    proxy = {"name": "p", "listen": "127.0.0.1:1", "upstream": "127.0.0.1:9", "enabled": True}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"version": version} if self.path == "/version" else proxy)

        def do_POST(self) -> None:
            methods.append("POST")
            self._answer(proxy)

        def do_PATCH(self) -> None:
            methods.append("PATCH")
            self._answer(proxy)

        def _answer(self, value: Any) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, methods
        finally:
            server.shutdown()
            thread.join(5)


@pytest.mark.parametrize(
    ("version", "method"),
    [("2.12.0", "PATCH"), ("2.6.0", "PATCH"), ("git", "PATCH"), ("2.5.9", "POST"), ("1.2", "POST")],
)
def test_updates_go_by_the_method_of_the_version(version: str, method: str) -> None:
    """POST is deprecated since 2.6, which brought PATCH."""
    with old_server(version) as (port, methods):
        proxy = Toxiproxy("127.0.0.1", port).get_proxy("p")
        proxy.disable()
        proxy.update(upstream="127.0.0.1:10")
    assert methods == [method, method]


def test_what_went_wrong_is_said_for_each_proxy_that_stays() -> None:
    stays = {"p": {"name": "p", "listen": "127.0.0.1:1", "upstream": "x:1", "enabled": True}}
    with answering(http("200 OK", json.dumps(stays))) as port:
        toxiproxy = Toxiproxy("127.0.0.1", port)
        toxiproxy.delete = refusing  # type: ignore[method-assign]
        with pytest.raises(ToxiproxyError, match=r"1 stay: p \(503 Timeout\)"):
            toxiproxy.delete_all()


def refusing(name: str) -> None:
    raise ServerFailed("503 Timeout", 503)
