"""The gateway's keys: every request has to bring one, whatever lies behind the gateway."""

from __future__ import annotations

from http import HTTPStatus

from fake_server.core.state import State
from fake_server.http import Request, Response, json_response
from fake_server.tokens import TokenRefused, verify


def key_refused(state: State, request: Request, now_s: float) -> Response | None:
    """The gateway's answer to a request without a good `apikey`; None lets it pass."""
    key = request.headers.get("apikey") or request.query.get("apikey")
    if not key:
        hint = "No `apikey` request header or url param was found."
        refusal = {"message": "No API key found in request", "hint": hint}
        return json_response(HTTPStatus.UNAUTHORIZED, refusal)
    try:
        verify(key, state.config.jwt_secret, now_s, state.config.jwks)
    except TokenRefused:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        refusal = {"message": "Invalid API key", "hint": hint}
        return json_response(HTTPStatus.UNAUTHORIZED, refusal)
    return None


def bearer(request: Request) -> str | None:
    """The token of `Authorization: Bearer`, if there is one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
