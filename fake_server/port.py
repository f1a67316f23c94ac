"""The port: every TCP connection to the server, from its first byte to its tenant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.http11 import Request, Response

from fake_server.api import refused
from fake_server.config import ServerConfig
from fake_server.handshake import Refusal, Upgrade
from fake_server.http import Answer
from fake_server.http import Request as HttpRequest
from fake_server.http.front import Front
from fake_server.http.message import phrase
from fake_server.project import Project
from fake_server.wire import Wire

_LOG = logging.getLogger("fake_server")
_OPEN_TIMEOUT_S = 60.0
_PATH_SHOWN_MAX = 200


class Owner(Protocol):
    """Who the port is for: it knows the tenants."""

    def asked(self, host: str, target: str) -> tuple[Project, str]:
        """The tenant that a request is for, and the target there."""

    def answer(self, request: HttpRequest) -> Answer:
        """Answer a whole request."""

    def now_s(self) -> float:
        """Seconds since the epoch."""

    def request_id(self) -> str:
        """A new `x-request-id`."""


class Port:
    """Listens, and keeps every connection until it ends."""

    def __init__(self, owner: Owner, config: ServerConfig) -> None:
        self._owner = owner
        self._config = config
        self._server: Server | None = None
        self._open: dict[Wire | Front, None] = {}
        self._departed = asyncio.Event()
        self._logger = _websockets_logger()

    @property
    def is_open(self) -> bool:
        """Whether it listens, or did until it was told to accept nobody else."""
        return self._server is not None

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the number of the port. Raises `OSError` if it is taken."""
        loop = asyncio.get_running_loop()
        server = Server(
            self._serve,
            process_request=self._process_request,
            process_response=_process_response,
            server_header="Cowboy",
            open_timeout=_OPEN_TIMEOUT_S,
            logger=self._logger,
        )
        listener = await loop.create_server(
            lambda: Front(self, lambda: Wire(server, self, self._config, self._logger)),
            host,
            port,
        )
        server.wrap(listener)
        self._server = server
        number: int = listener.sockets[0].getsockname()[1]
        return number

    def accept_no_more(self) -> None:
        """Close the listener; what is connected stays."""
        if self._server is not None:
            self._server.close(close_connections=False)

    async def wait_empty(self) -> None:
        """Wait until nothing is connected any more; HTTP is answered as long."""
        while self._open:
            self._departed.clear()
            await self._departed.wait()

    async def close(self, then: Callable[[], None]) -> None:
        """Close the listener, do this, and drop what is connected. Does nothing when closed."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close(close_connections=False)
        then()
        for connection in list(self._open):
            connection.vanish()
        await server.wait_closed()

    # What the fronts ask and tell (`http.front.Owner`).

    def arrived(self, front: Front) -> None:
        self._open[front] = None

    def departed(self, front: Front) -> None:
        self._open.pop(front, None)
        self._departed.set()

    def request_id(self) -> str:
        return self._owner.request_id()

    def now_s(self) -> float:
        return self._owner.now_s()

    def answer(self, request: HttpRequest) -> Answer:
        return self._owner.answer(request)

    # What the wires tell (`wire.Port`).

    def made(self, wire: Wire) -> None:
        self._open[wire] = None

    def lost(self, wire: Wire) -> None:
        self._open.pop(wire, None)
        self._departed.set()

    # What the WebSockets library asks.

    async def _process_request(self, wire: ServerConnection, request: Request) -> Response | None:
        assert isinstance(wire, Wire)
        headers = _headers(request.headers)
        project, target = self._owner.asked(headers.get("host", ""), request.path)
        upgrade = Upgrade.of(target, headers)
        try:
            wire.admitted(project.admit_upgrade(upgrade), project.shell)
        except Refusal as refusal:
            if await wire.lost_within(refusal.delay_s):
                # Nobody is left to answer; the library would try all the same.
                raise asyncio.CancelledError from None
            # Without the query: that holds the key.
            asked = repr(upgrade.path[:_PATH_SHOWN_MAX])
            _LOG.info("refused an upgrade of %s: %d %s", asked, refusal.status, refusal.body)
            project.refused(refusal)
            return self._refusal(refusal)
        return None

    async def _serve(self, wire: ServerConnection) -> None:
        assert isinstance(wire, Wire)
        wire.open()
        try:
            await wire.close(await wire.hung_up)
        finally:
            wire.gone()

    def _refusal(self, refusal: Refusal) -> Response:
        response = refused(refusal, self.request_id())
        headers = {
            **response.headers,
            "content-length": str(len(response.body)),
            "date": formatdate(self.now_s(), usegmt=True),
            "vary": "accept-encoding",
        }
        ordered = Headers(sorted(headers.items()))
        return Response(response.status, phrase(response.status), ordered, response.body)


def _process_response(wire: ServerConnection, request: Request, response: Response) -> None:
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers["cache-control"] = "max-age=0, private, must-revalidate"


def _headers(headers: Headers) -> dict[str, str]:
    """The headers by lower-case name; of repeated ones the values joined, as Cowboy does."""
    found: dict[str, str] = {}
    for name, value in headers.raw_items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _websockets_logger() -> logging.Logger:
    """The library's logger without frames and requests, which hold keys, and without the
    tracebacks of handshakes that a client broke off; those of our own bugs it shows."""
    logger = logging.getLogger("fake_server.websockets")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_not_a_broken_handshake)
    return logger


def _not_a_broken_handshake(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, WebSocketException | OSError | EOFError)
