"""A request's body, read by name and type; what does not fit is refused as Go's decoder does."""

from __future__ import annotations

from typing import Any

from fake_server.auth.errors import BAD, Refused
from fake_server.http import Request
from harness.protocol import MalformedMessage

_GO_TYPES = {str: "string", bool: "bool", dict: "map[string]interface {}"}
_JSON_TYPES = ((bool, "bool"), (str, "string"), (int | float, "number"), (list, "array"))


class Body:
    """The object in a request's body. Raises `Refused` for a body that is none.

    `name` is what GoTrue calls the structure that it reads: its error names it.
    """

    def __init__(self, request: Request, name: str) -> None:
        self._name = name
        try:
            value = request.json if request.body.strip() else None
        except MalformedMessage:
            raise _bad_json("invalid character in the request body") from None
        if value is None:
            raise _bad_json("unexpected end of JSON input")
        if not isinstance(value, dict):
            raise _bad_json(f"json: cannot unmarshal {_json_type(value)} into Go value of {name}")
        self._values = value

    def __contains__(self, field: str) -> bool:
        return self._values.get(field) is not None

    def text(self, field: str) -> str:
        """The text of a field; missing and null are empty."""
        return str(self._read(field, str, ""))

    def flag(self, field: str, default: bool = False) -> bool:
        """The truth of a field."""
        return bool(self._read(field, bool, default))

    def object(self, field: str) -> dict[str, Any] | None:
        """The object of a field; None when it is missing or null."""
        value = self._read(field, dict, None)
        return None if value is None else dict(value)

    def _read(self, field: str, kind: type, default: Any) -> Any:
        value = self._values.get(field)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise _bad_json(
                f"json: cannot unmarshal {_json_type(value)} into Go struct field "
                f"{self._name}.{field} of type {_GO_TYPES[kind]}"
            )
        return value


def _bad_json(reason: str) -> Refused:
    return Refused(BAD, "bad_json", f"Could not parse request body as JSON: {reason}")


def _json_type(value: Any) -> str:
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "object")
