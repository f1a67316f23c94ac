"""What is answered over HTTP: the server's own routes, and the gateway that leads to them."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from fake_server.core.state import State
from fake_server.handshake import Refusal, Upgrade, admit
from fake_server.http import Answer, Handler, Later, Request, Response, Route, Routes, json_response
from fake_server.http.exchange import phrase

_UNCACHED = {"cache-control": "max-age=0, private, must-revalidate"}
_GATEWAY_PREFIX = "/realtime/v1/"
_API_PREFIX = "/realtime/v1/api/"
_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
TENANT_UNKNOWN = "Tenant not found in database"


class Api:
    """Finds who answers a request.

    A `Host` whose first label names the tenant reaches the bare server; every other is the gateway,
    which knows the tenant by itself and hands `/realtime/v1` on (`protocol.md §1.1`).
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._server = Routes(
            [
                Route("*", "/socket/websocket", self._no_upgrade),
                Route("GET", "/api/ping", self._of_tenant(_ping)),
            ]
        )
        self._gateway = Routes(
            [
                Route("OPTIONS", "*", _preflight),
                Route("*", "/realtime/v1/*", self._forward),
            ]
        )

    def answer(self, request: Request, now_s: float) -> Answer:
        """The answer to any request at all."""
        if request.subdomain != self._state.config.tenant:
            answer = self._gateway.answer(request, now_s)
            if answer is not None:
                return answer.with_headers({"access-control-allow-origin": "*"})
        return self._serve(request, now_s)

    def _serve(self, request: Request, now_s: float) -> Answer:
        return self._server.answer(request, now_s) or page(request, HTTPStatus.NOT_FOUND)

    def _forward(self, request: Request, now_s: float) -> Answer:
        target = request.target
        if target.startswith(_API_PREFIX):
            target = "/api/" + target.removeprefix(_API_PREFIX)
        else:
            target = "/socket/" + target.removeprefix(_GATEWAY_PREFIX)
        headers = {**request.headers, "host": f"{self._state.config.tenant}.gateway"}
        return self._serve(replace(request, target=target, headers=headers), now_s)

    def _of_tenant(self, handler: Handler) -> Handler:
        """A handler that only requests to a known tenant reach."""

        def handle(request: Request, now_s: float) -> Answer:
            if request.subdomain != self._state.config.tenant:
                answer: Answer = json_response(401, {"message": TENANT_UNKNOWN})
            else:
                answer = handler(request, now_s)
            return answer.with_headers({**_UNCACHED, "x-request-id": request.id})

        return handle

    def _no_upgrade(self, request: Request, now_s: float) -> Answer:
        """The WebSocket's address without an upgrade is refused like a connection."""
        if request.method != "GET":
            return Response(HTTPStatus.BAD_REQUEST, _UNCACHED)
        try:
            admit(
                Upgrade.of(request.target, request.headers),
                self._state.config,
                self._state.levers,
                self._state.limits,
                now_s,
            )
        except Refusal as refusal:
            response = refused(refusal, request.id)
            return Later(refusal.delay_s, lambda: response) if refusal.delay_s else response
        raise AssertionError("an upgrade was not handed to the WebSockets")


def refused(refusal: Refusal, request_id: str) -> Response:
    """The answer to a refused upgrade."""
    headers = dict(_UNCACHED)
    if refusal.content_type is not None:
        headers["content-type"] = refusal.content_type
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.is_routing:
        headers["x-request-id"] = request_id
    return Response(refusal.status, headers, refusal.body.encode())


def page(request: Request, status: int) -> Response:
    """What Phoenix answers when no controller does: the words of the status."""
    headers = {"content-type": "text/html; charset=utf-8", "x-request-id": request.id}
    return Response(status, {**_UNCACHED, **headers}, phrase(status).encode())


def _ping(request: Request, now_s: float) -> Response:
    return json_response(200, {"message": "Success"})


def _preflight(request: Request, now_s: float) -> Response:
    """The gateway lets every origin in, and every header."""
    asked = request.headers.get("access-control-request-headers", "*")
    headers = {"access-control-allow-headers": asked, "access-control-allow-methods": _METHODS}
    return Response(200, headers)
