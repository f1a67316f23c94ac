"""One request and its answer in bytes, by h11; no I/O."""

from __future__ import annotations

import zlib
from email.utils import formatdate
from http import HTTPStatus

import h11

from fake_server.http.head import HEAD_BYTES_MAX, BrokenRequest
from fake_server.http.message import Request, Response, phrase

BODY_BYTES_MAX = 8_000_000
"""Plug's bound; more is answered with 413."""
_GZIP_BYTES_MIN = 300
_GZIP = 31
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Exchange:
    """Takes bytes until the request is whole, then turns its answer into bytes."""

    def __init__(self, request_id: str) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._id = request_id
        self._head: h11.Request | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def receive(self, data: bytes) -> Request | None:
        """The request once it is whole. Raises `BrokenRequest`."""
        try:
            self._h11.receive_data(data)
            while True:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Request):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._take(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    return self._whole()
        except h11.RemoteProtocolError as error:
            raise BrokenRequest(error.error_status_hint) from None

    def interim(self) -> bytes:
        """The `100 Continue` that the client waits for; empty when it does not."""
        if not self._h11.they_are_waiting_for_100_continue:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def respond(self, response: Response, now_s: float) -> bytes:
        """The bytes of the answer."""
        body, headers = _encoded(response, self._headers.get("accept-encoding", ""))
        if response.status not in _BODILESS:
            headers["content-length"] = str(len(body))
        headers |= {"date": formatdate(now_s, usegmt=True)}
        head = h11.Response(
            status_code=response.status,
            headers=sorted(headers.items()),
            reason=phrase(response.status),
        )
        bodiless = self._head is not None and self._head.method == b"HEAD"
        sent = self._h11.send(head) or b""
        if body and not bodiless and response.status not in _BODILESS:
            sent += self._h11.send(h11.Data(data=body)) or b""
        return sent + (self._h11.send(h11.EndOfMessage()) or b"")

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow on this connection."""
        return self._h11.our_state is h11.DONE

    @property
    def unread(self) -> bytes:
        """What came after this request."""
        return bytes(self._h11.trailing_data[0])

    def _begin(self, head: h11.Request) -> None:
        self._head = head
        for name, value in head.headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        length = self._headers.get("content-length", "0")
        if int(length) > BODY_BYTES_MAX:
            raise BrokenRequest(413)

    def _take(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > BODY_BYTES_MAX:
            raise BrokenRequest(413)

    def _whole(self) -> Request:
        assert self._head is not None
        method, target = self._head.method.decode("latin-1"), self._head.target.decode("latin-1")
        version = self._head.http_version.decode("latin-1")
        body = bytes(self._body)
        return Request(method, target, self._headers, body, self._id, version=version)


def refusal(status: int) -> bytes:
    """The bare answer to a request that could not be read, as Cowboy gives it."""
    head = f"HTTP/1.1 {status} {phrase(status)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    return head.encode()


def _encoded(response: Response, accepted: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers, compressed where Cowboy compresses: from 300 bytes on, if accepted."""
    headers = {"server": "Cowboy", "vary": "accept-encoding", **response.headers}
    body = response.body
    if "gzip" in accepted and len(body) >= _GZIP_BYTES_MIN and "content-encoding" not in headers:
        return zlib.compress(body, wbits=_GZIP), {**headers, "content-encoding": "gzip"}
    return body, headers
