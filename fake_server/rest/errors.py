"""What PostgREST says when it refuses: code, message, details and hint, and the status with it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fake_server.database import DatabaseError
from fake_server.http import Response, json_response

_STATUS_BY_CODE = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
_STATUS_BY_CLASS = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


class Refused(Exception):
    """A request that is answered with an error of PostgREST's own."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.response = error_response(status, code, message, details, hint, headers)


def error_response(
    status: int,
    code: str,
    message: str,
    details: Any = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that an error is."""
    body = {"code": code, "details": details, "hint": hint, "message": message}
    named = {"proxy-status": f"PostgREST; error={code}", **(headers or {})}
    return json_response(status, body, named)


def database_response(error: DatabaseError, is_anonymous: bool) -> Response:
    """The answer to what the database refuses; who has not signed in is asked to."""
    status = sql_status(error, is_anonymous)
    headers = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return error_response(status, error.code, error.message, error.details, error.hint, headers)


def sql_status(error: DatabaseError, is_anonymous: bool) -> int:
    """The HTTP status that goes with an SQLSTATE."""
    if error.code == "42501":
        return 401 if is_anonymous else 403
    if error.code == "21000":
        return 400 if error.message.endswith("requires a WHERE clause") else 500
    if error.code == "22023":
        names_role = error.message.startswith("role ")
        return 401 if names_role and error.message.endswith("does not exist") else 400
    return _STATUS_BY_CODE.get(error.code) or _STATUS_BY_CLASS.get(error.code[:2], 400)


def bad_query(what: str, text: str, column: int, details: str) -> Refused:
    """A part of the query that cannot be read, and from which character on."""
    message = f'"failed to parse {what} ({text})" (line 1, column {column})'
    return Refused(400, "PGRST100", message, details)


def bad_body(message: str) -> Refused:
    return Refused(400, "PGRST102", message)


def bad_range(details: str) -> Refused:
    return Refused(416, "PGRST103", "Requested range not satisfiable", details)


def out_of_bounds(offset: int, total: int) -> Refused:
    return bad_range(f"An offset of {offset} was requested, but there are only {total} rows.")


def not_single(count: int) -> Refused:
    return Refused(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        f"The result contains {count} rows",
    )


def unknown_column(table: str, column: str) -> Refused:
    message = f"Could not find the '{column}' column of '{table}' in the schema cache"
    return Refused(400, "PGRST204", message)


def not_embedded(name: str) -> Refused:
    return Refused(
        400,
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        None,
        f"Verify that '{name}' is included in the 'select' query parameter.",
    )
