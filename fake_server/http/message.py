"""A request, its answer, and an answer that takes time; no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from harness.protocol import json_text

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
UNCACHED = {"cache-control": "max-age=0, private, must-revalidate"}
"""What Plug says of every answer that says nothing else."""


@dataclass(frozen=True)
class Request:
    """One whole request. Header names are in lower case; of repeated headers the values are
    joined by ", ", as Cowboy does."""

    method: str
    target: str = field(repr=False)
    """Path and query as they were sent; both may hold secrets."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    id: str = ""
    """What an answer's `x-request-id` says."""
    params: Mapping[str, str] = field(default_factory=dict)
    """What stood in the places of the route's pattern, decoded."""
    version: str = "1.1"
    """Of HTTP."""

    @cached_property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, decoded; empty ones are left out, as in Plug."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The query in order, with repeated names (PostgREST filters need both)."""
        return tuple(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @cached_property
    def query(self) -> dict[str, str]:
        """The query by name; of repeated names the last wins, as in Plug."""
        return dict(self.pairs)

    @property
    def subdomain(self) -> str:
        """The first label of the `Host`, which names a tenant (`protocol.md §1.1`)."""
        return subdomain(self.headers.get("host", ""))

    @cached_property
    def json(self) -> Any:
        """The body as JSON, an empty object when it is empty; strict, as Jason reads it. Raises
        `MalformedMessage`."""
        return json_text.loads(self.body, "the body") if self.body.strip() else {}


def subdomain(host: str) -> str:
    """The first label of a `Host`."""
    return host.split(":")[0].split(".")[0]


@dataclass(frozen=True)
class Response:
    """An answer. The date, the length and the server's name are added when it is sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def with_headers(self, headers: Mapping[str, str]) -> Response:
        """The same with these headers where it has none of that name."""
        return Response(self.status, {**headers, **self.headers}, self.body)


class Later:
    """An answer that takes time: it comes when it is given, and `delay_s` after the request at
    the latest, when `otherwise` tells what it is."""

    def __init__(self, delay_s: float, otherwise: Callable[[], Response]) -> None:
        self.delay_s = delay_s
        self.otherwise = otherwise
        self.abandoned = False
        """The client has gone: nobody will read the answer."""
        self._headers: dict[str, str] = {}
        self._given: Response | None = None
        self._take: Callable[[Response], None] | None = None

    @property
    def answered(self) -> bool:
        """Whether it has been given."""
        return self._given is not None

    def give(self, response: Response) -> None:
        """Answer now; only the first answer counts."""
        if self._given is None:
            self._given = response.with_headers(self._headers)
            if self._take is not None:
                self._take(self._given)

    def with_headers(self, headers: Mapping[str, str]) -> Later:
        """The same; these headers are added to the answer where it has none of that name."""
        self._headers.update(headers)
        return self

    def await_by(self, take: Callable[[Response], None]) -> None:
        """Tell who sends the answer; told at once if it has been given already."""
        self._take = take
        if self._given is not None:
            take(self._given)


Answer = Response | Later


def words(status: int) -> Response:
    """What Phoenix answers when no controller does: the words of the status."""
    return Response(status, {"content-type": HTML}, phrase(status).encode())


_PHRASES = {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""What Cowboy and Plug call a status where later versions of Python have other words for it."""


def phrase(status: int) -> str:
    """The words that go with a status."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def json_response(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON, without spaces, as Jason writes it."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Response(
        status, {"content-type": JSON, **(headers or {})}, body.encode(errors="replace")
    )
