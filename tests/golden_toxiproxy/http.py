"""One HTTP request as it was recorded, to the byte of its path, and the answer as it came."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

TIMEOUT_S = 30.0
"""The original answers within 25 s, whatever it does."""


class NoAnswer(Exception):
    """Nothing, or nothing that is HTTP, came back; the text says what did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: str

    @property
    def request_id(self) -> str:
        """The id that the server gave the request, or nothing."""
        return self.headers.get("x-toxiproxy-request-id", "")


def ask(
    host: str, port: int, method: str, path: str, body: str = "", headers: Mapping[str, str] = {}
) -> Answer:
    """Send one request on a connection of its own. Raises `NoAnswer`."""
    data = body.encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(data)}"] if data else []
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as sock:
            sock.sendall("\r\n".join([*lines, "", ""]).encode() + data)
            response = HTTPResponse(sock, method=method)
            response.begin()
            text = response.read().decode()
    except (OSError, HTTPException, UnicodeDecodeError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.reason, found, text)
