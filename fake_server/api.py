"""What is answered over HTTP: the server's own routes, and the gateway that leads to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from fake_server import rest_broadcast
from fake_server.auth import Auth
from fake_server.core.state import State
from fake_server.handshake import Refusal, Upgrade, admit_upgrade
from fake_server.http import (
    UNCACHED,
    Answer,
    Handler,
    Later,
    Request,
    Response,
    Route,
    Routes,
    json_response,
    words,
)
from fake_server.http.message import phrase
from fake_server.rest import Rest
from fake_server.tokens import holder
from harness.protocol import MalformedMessage

Guard = Callable[[Request], Response | None]

_GATEWAY_PREFIX = "/realtime/v1/"
_API_PREFIX = "/realtime/v1/api/"
_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
_METHODS_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
_TENANT_UNKNOWN = "Tenant not found in database"


class Api:
    """Finds who answers a request.

    A `Host` whose first label names the tenant reaches the bare server; every other is the gateway,
    which knows the tenant by itself and hands `/realtime/v1` on (`protocol.md §1.1`).
    """

    def __init__(self, state: State) -> None:
        self._state = state
        batch = partial(rest_broadcast.batch, state)
        single = partial(rest_broadcast.single, state)
        self._sockets = Routes([Route("*", "/socket/websocket", self._no_upgrade)])
        self._controllers = Routes(
            [
                Route("GET", "/api/ping", self._of_tenant(_ping)),
                Route("POST", "/api/broadcast", _open(self._of_tenant(batch))),
                Route(
                    "POST",
                    "/api/broadcast/:topic/events/:event",
                    _open(self._of_tenant(single, rest_broadcast.media_type_refused)),
                ),
            ]
        )
        self._gateway = Routes(
            [
                Route("OPTIONS", "*", _preflight),
                *Auth(state).routes,
                *Rest(state).routes,
                Route("*", "/realtime/v1/*", self._forward),
            ]
        )

    def add_socket(self, row: Route) -> None:
        """A way to connect besides the WebSocket."""
        self._sockets.add(row)

    def answer(self, request: Request, now_s: float) -> Answer:
        """The answer to any request at all."""
        if request.subdomain != self._state.config.tenant:
            answer = self._refused(request) or self._gateway.answer(request, now_s)
            if answer is not None:
                return answer.with_headers({"access-control-allow-origin": "*"})
        return self._serve(request, now_s)

    def _refused(self, request: Request) -> Response | None:
        """What a lever answers in place of what was asked for; preflights are let through."""
        switches, config = self._state.switches, self._state.config
        if not switches.answers or request.method == "OPTIONS":
            return None
        key = request.headers.get("apikey") or request.query.get("apikey")
        refusal = switches.answer(holder(key, config.jwt_secret, config.jwks), request.path)
        if refusal is None:
            return None
        retry = {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}
        return json_response(refusal.status, {"message": phrase(refusal.status)}, retry)

    def _serve(self, request: Request, now_s: float) -> Answer:
        return self._sockets.answer(request, now_s) or self._route(request, now_s)

    def _route(self, request: Request, now_s: float) -> Answer:
        answer: Answer | None
        if _is_unreadable(request):
            answer = words(HTTPStatus.BAD_REQUEST)
        else:
            answer = self._controllers.answer(request, now_s) or words(HTTPStatus.NOT_FOUND)
        return answer.with_headers({**UNCACHED, "x-request-id": request.id})

    def _forward(self, request: Request, now_s: float) -> Answer:
        target = request.target
        if target.startswith(_API_PREFIX):
            target = "/api/" + target.removeprefix(_API_PREFIX)
        else:
            target = "/socket/" + target.removeprefix(_GATEWAY_PREFIX)
        headers = {**request.headers, "host": f"{self._state.config.tenant}.gateway"}
        return self._serve(replace(request, target=target, headers=headers), now_s)

    def _of_tenant(self, handler: Handler, refuse: Guard | None = None) -> Handler:
        """A handler that a request reaches after what comes before every controller: what it
        accepts, `refuse`, its tenant, and how many requests there were (`protocol.md §4.4`)."""

        def handle(request: Request, now_s: float) -> Answer:
            refused = _unacceptable(request) or (refuse and refuse(request))
            if refused is not None:
                return refused
            named = request.subdomain == self._state.config.tenant
            if not named or self._state.switches.tenant_is_deleted:
                return json_response(HTTPStatus.UNAUTHORIZED, {"message": _TENANT_UNKNOWN})
            return self._limited(handler, request, now_s)

        return handle

    def _limited(self, handler: Handler, request: Request, now_s: float) -> Answer:
        requests, limit = self._state.limits.requests, self._state.config.events_per_s_max
        requests.add(now_s)
        rate = int(requests.average(now_s))
        answer: Answer
        if rate >= limit:
            answer = json_response(HTTPStatus.TOO_MANY_REQUESTS, {"message": "Too many requests"})
        else:
            answer = handler(request, now_s)
        return answer.with_headers(
            {
                "x-rate-limit": str(limit),
                "x-rate-limit-remaining": str(limit - rate),
                "x-rate-rolling": str(rate),
            }
        )

    def _no_upgrade(self, request: Request, now_s: float) -> Answer:
        """The WebSocket's address without an upgrade is refused like a connection."""
        if request.method != "GET":
            return Response(HTTPStatus.BAD_REQUEST, UNCACHED)
        try:
            admit_upgrade(
                Upgrade.of(request.target, request.headers, request.version),
                self._state.config,
                self._state.switches,
                self._state.limits,
                now_s,
            )
        except Refusal as refusal:
            response = refused(refusal, request.id)
            return Later(refusal.delay_s, lambda: response) if refusal.delay_s else response
        raise AssertionError("an upgrade was not handed to the WebSockets")


def refused(refusal: Refusal, request_id: str) -> Response:
    """The answer to a refused upgrade."""
    headers = dict(UNCACHED)
    if refusal.content_type is not None:
        headers["content-type"] = refusal.content_type
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.is_routing:
        headers["x-request-id"] = request_id
    return Response(refusal.status, headers, refusal.body.encode())


def _open(handler: Handler) -> Handler:
    """Pages of every origin may use it."""

    def handle(request: Request, now_s: float) -> Answer:
        answer = handler(request, now_s)
        origin = "origin" in request.headers
        return answer.with_headers({"access-control-allow-origin": "*"}) if origin else answer

    return handle


def _is_unreadable(request: Request) -> bool:
    """Whether the body should be JSON and is none: nothing comes before this."""
    if request.method not in _METHODS_WITH_BODY or not rest_broadcast.is_json(request):
        return False
    try:
        _ = request.json
    except MalformedMessage:
        return True
    return False


def _unacceptable(request: Request) -> Response | None:
    accepted = request.headers.get("accept", "*/*")
    if any(each in accepted for each in ("*/*", "application/*", "json", "octet-stream")):
        return None
    return words(HTTPStatus.NOT_ACCEPTABLE)


def _ping(request: Request, now_s: float) -> Response:
    return json_response(200, {"message": "Success"})


def _preflight(request: Request, now_s: float) -> Response:
    """The gateway lets every origin in, and every header."""
    asked = request.headers.get("access-control-request-headers", "*")
    headers = {"access-control-allow-headers": asked, "access-control-allow-methods": _METHODS}
    return Response(200, headers)
