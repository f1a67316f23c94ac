"""What GoTrue answers when it refuses: three shapes, and the version that a client may name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from fake_server.http import Request, Response

_API_VERSION = "x-supabase-api-version"
_VERSION = date(2024, 1, 1)

BAD, UNAUTHORIZED, FORBIDDEN, MISSING, UNPROCESSABLE, TOO_MANY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
)


class Refused(Exception):
    """A request that is answered with `{code, error_code, msg}`, and `more` beside them."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.more = more or {}


class OAuthRefused(Exception):
    """A request that is answered in the shape of OAuth 2: `{error, error_description}`."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


def invalid(message: str) -> Refused:
    """The refusal of a request whose values cannot be."""
    return Refused(BAD, "validation_failed", message)


def too_often(message: str = "Request rate limit reached") -> Refused:
    """The refusal of a request that comes too soon after others."""
    return Refused(TOO_MANY, "over_request_rate_limit", message)


def answer(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, as Go writes it."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(
        status,
        {"content-type": "application/json", **(headers or {})},
        body.encode(errors="replace"),
    )


def refusal(request: Request, error: Refused | OAuthRefused) -> Response:
    """The answer. Clients that name a version from 2024 on get the code as text."""
    if isinstance(error, OAuthRefused):
        told = {"error": error.error, "error_description": error.description}
        return answer(BAD, told, _echo(request))
    body: dict[str, Any]
    if _echo(request):
        body = {"code": error.code, "message": error.message, **error.more}
    else:
        body = {
            "code": int(error.status),
            "error_code": error.code,
            "msg": error.message,
            **error.more,
        }
    return answer(error.status, body, {"x-sb-error-code": error.code, **_echo(request)})


def _echo(request: Request) -> dict[str, str]:
    """The header that says which version the answer follows; none is the first."""
    asked = request.headers.get(_API_VERSION, "")
    try:
        named = date.fromisoformat(asked) if re.fullmatch(r"\d{4}-\d\d-\d\d", asked) else None
    except ValueError:
        named = None
    return {_API_VERSION: str(_VERSION)} if named is not None and named >= _VERSION else {}
