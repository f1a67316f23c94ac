"""The control API: the levers and the ground truth of a running server, over HTTP on loopback.

`GET /levers`, `POST /levers`, `DELETE /levers/ID`, `POST /heal` and `GET /truth`; every answer is
JSON, every refusal has a `message`. A tenant is named by `?tenant=NAME`, and beside the name of a
lever; left out, a lever is for the first one, and the rest for all. A second listener, so that it
goes on while the server is down.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from fake_server.http import Answer, Request, Response, Route, Routes, json_response
from fake_server.http.exchange import refusal
from fake_server.http.front import Front
from fake_server.levers.board import Lever
from fake_server.levers.docs import known
from fake_server.tenancy import Tenancy
from fake_server.tenants import UnknownTenant

_PATHS = {
    "/levers": "GET, POST",
    "/levers/ID": "DELETE",
    "/heal": "POST",
    "/truth": "GET",
}


class Controlled(Protocol):
    """The server that is controlled."""

    def tenant(self, name: str) -> Tenancy: ...
    def pull(self, name: str, /, **parameters: Any) -> Lever: ...
    @property
    def pulled(self) -> list[Lever]: ...
    def heal(self, tenant: str | None = None) -> None: ...
    def truth(self, tenant: str | None = None) -> dict[str, Any]: ...
    def now_s(self) -> float: ...
    def request_id(self) -> str: ...


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Listens on a loopback address and pulls the levers of one server."""

    def __init__(self, server: Controlled) -> None:
        self._server = server
        self._listener: asyncio.Server | None = None
        self._fronts: dict[Front, None] = {}
        self._routes = Routes(
            [
                Route("GET", "/levers", self._handler(self._list)),
                Route("POST", "/levers", self._handler(self._pull)),
                Route("DELETE", "/levers/:id", self._handler(self._heal_one)),
                Route("POST", "/heal", self._handler(self._heal)),
                Route("GET", "/truth", self._handler(self._truth)),
                Route("*", "/*", self._handler(self._unknown)),
            ]
        )
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 is any free one. Raises `OSError` if the port is taken, `ValueError` for
        an address that others can reach."""
        if not _is_loopback(host):
            raise ValueError(f"host: {host!r} is no loopback address: whoever reaches it rules us")
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Front(self, _NoWebSocket), host, port)
        self.host, self.port = host, self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and drop who is connected. Does nothing when it does not run."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        for front in list(self._fronts):
            front.vanish()
        await listener.wait_closed()

    # What the fronts tell and ask (`http.front.Owner`).

    def arrived(self, front: Front) -> None:
        self._fronts[front] = None

    def departed(self, front: Front) -> None:
        self._fronts.pop(front, None)

    def request_id(self) -> str:
        return self._server.request_id()

    def now_s(self) -> float:
        return self._server.now_s()

    def answer(self, request: Request) -> Answer:
        try:
            _check_origin(request)
        except _Refused as refused:
            return json_response(refused.status, {"message": str(refused)})
        answer = self._routes.answer(request, self.now_s())
        assert answer is not None
        return answer

    # The routes.

    def _handler(self, act: Callable[[Request], Any]) -> Callable[[Request, float], Response]:
        def handle(request: Request, now_s: float) -> Response:
            try:
                return json_response(HTTPStatus.OK, act(request))
            except _Refused as refused:
                return json_response(refused.status, {"message": str(refused)})

        return handle

    def _list(self, request: Request) -> Any:
        pulled = self._of(self._tenant(request)).pulled
        return {"known": known(), "pulled": [lever.describe() for lever in pulled]}

    def _pull(self, request: Request) -> Any:
        tenant, name, parameters = _asked(request)
        try:
            return self._of(tenant).pull(name, **parameters).describe()
        except ValueError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from None

    def _heal_one(self, request: Request) -> Any:
        pulled = {str(lever.id): lever for lever in self._server.pulled}
        lever = pulled.get(request.params["id"])
        if lever is None:
            ids = ", ".join(pulled) or "none"
            asked = request.params["id"][:60]
            raise _Refused(HTTPStatus.NOT_FOUND, f"no lever {asked!r} is pulled; pulled: {ids}")
        lever.heal()
        return lever.describe()

    def _heal(self, request: Request) -> Any:
        tenant = self._tenant(request)
        healed = [lever.describe() for lever in self._of(tenant).pulled]
        self._server.heal(tenant)
        return {"healed": healed}

    def _truth(self, request: Request) -> Any:
        return self._server.truth(self._tenant(request))

    def _tenant(self, request: Request) -> str | None:
        """The tenant that the query names, which is there; None is all of them."""
        for name in request.query:
            if name != "tenant":
                words = f"{name[:60]!r} is no parameter here; there is tenant"
                raise _Refused(HTTPStatus.BAD_REQUEST, words)
        tenant = request.query.get("tenant")
        self._of(tenant)
        return tenant

    def _of(self, tenant: str | None) -> Controlled | Tenancy:
        """What is asked for one tenant, or for all."""
        if tenant is None:
            return self._server
        try:
            return self._server.tenant(tenant)
        except UnknownTenant as error:
            raise _Refused(HTTPStatus.NOT_FOUND, str(error)) from None

    def _unknown(self, request: Request) -> Any:
        methods = _PATHS.get("/levers/ID" if request.path.startswith("/levers/") else request.path)
        if methods is not None:
            words = f"{request.path[:60]} knows {methods}, not {request.method[:20]}"
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, words)
        paths = ", ".join(_PATHS)
        raise _Refused(HTTPStatus.NOT_FOUND, f"there is no {request.path[:60]!r}; known: {paths}")


class _NoWebSocket(asyncio.Protocol):
    """Ends a connection that asks for a WebSocket: there is none here."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(refusal(HTTPStatus.NOT_FOUND))
        transport.close()


def _asked(request: Request) -> tuple[str | None, str, dict[str, Any]]:
    """Tenant, lever and parameters in a body like `{"name": "late", "parameters": {…}}`."""
    try:
        body = request.json
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        words = 'say {"name": "LEVER", "parameters": {…}}; GET /levers names them'
        raise _Refused(HTTPStatus.BAD_REQUEST, words)
    parameters = body.get("parameters", {})
    tenant = body.get("tenant")
    known = ("name", "parameters", "tenant")
    more = ", ".join(repr(key)[:60] for key in body if key not in known)
    if more or not isinstance(parameters, dict):
        words = f"besides name and tenant there is an object `parameters`, not {more or 'that'}"
        raise _Refused(HTTPStatus.BAD_REQUEST, words)
    if not isinstance(tenant, str | None):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the tenant is no string")
    if "tenant" in parameters:
        words = "the tenant stands beside the parameters, not among them"
        raise _Refused(HTTPStatus.BAD_REQUEST, words)
    return tenant, body["name"], parameters


def _check_origin(request: Request) -> None:
    """Refuse web pages, which may reach loopback from a browser: by their `Origin`, or by the name
    that they gave our address."""
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if "origin" in request.headers or not _is_loopback(host):
        raise _Refused(HTTPStatus.FORBIDDEN, "only programs on this machine, by a loopback address")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
