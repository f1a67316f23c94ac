"""In which form an answer comes: rows, one object, or CSV, as `Accept` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fake_server.database.typed import Typed
from fake_server.http import Request
from fake_server.rest.errors import Refused, not_single
from fake_server.rest.values import array_of, csv_of, object_of

_KINDS: dict[str, Literal["array", "object", "csv", "openapi"]] = {
    "*/*": "array",
    "application/*": "array",
    "application/json": "array",
    "application/vnd.pgrst.array+json": "array",
    "application/vnd.pgrst.array": "array",
    "application/vnd.pgrst.object+json": "object",
    "application/vnd.pgrst.object": "object",
    "text/csv": "csv",
    "application/openapi+json": "openapi",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What the body of an answer looks like."""

    kind: Literal["array", "object", "csv", "openapi"]
    content_type: str
    stripped: bool = False
    """Nulls are left out."""

    def body(self, names: list[str], rows: list[dict[str, Typed]]) -> bytes:
        """The rows in this form. Raises `Refused` PGRST116 as `check` does."""
        if self.kind == "csv":
            text = csv_of(names, rows)
        elif self.kind == "object":
            self.check(len(rows))
            text = object_of(rows[0], self.stripped)
        else:
            text = array_of(object_of(row, self.stripped) for row in rows)
        return text.encode(errors="replace")

    def check(self, count: int) -> None:
        """Raises `Refused` PGRST116 where one row is wanted and there are others."""
        if self.kind == "object" and count != 1:
            raise not_single(count)


def form(request: Request) -> Form:
    """The first form of `Accept` that there is, the best liked first. Raises `Refused` PGRST107."""
    header = request.headers.get("accept", "").strip() or "*/*"
    wishes = [wish.strip() for wish in header.split(",") if wish.strip()]
    for wish in sorted(wishes, key=_quality, reverse=True):
        name, *parameters = (part.strip().lower() for part in wish.split(";"))
        kind = _KINDS.get(name)
        if kind is not None and _quality(wish) > 0:
            return Form(kind, _content_type(name, kind), "nulls=stripped" in parameters)
    message = f"None of these media types are available: {', '.join(wishes)}"
    raise Refused(406, "PGRST107", message)


def _content_type(name: str, kind: str) -> str:
    if kind == "array" and "vnd" not in name:
        name = "application/json"
    return f"{name}; charset=utf-8"


def _quality(wish: str) -> float:
    for parameter in wish.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            digits = value.replace(".", "", 1)
            return min(float(value), 1.0) if digits.isascii() and digits.isdecimal() else 1.0
    return 1.0
