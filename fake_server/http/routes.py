"""The table that finds the handler of a request by its method and path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fake_server.http.message import Answer, Request

Handler = Callable[[Request, float], Answer]
"""Answers a request at a time, in seconds since the epoch."""


@dataclass(frozen=True)
class Route:
    """One row. `:name` in the pattern stands for one segment of the path, `*` at its end for the
    rest; `*` as the method is any. A `HEAD` is answered like the `GET`, without the body."""

    method: str
    pattern: str
    handler: Handler

    def match(self, request: Request) -> Request | None:
        """The request with its `params`, or None."""
        method = "GET" if request.method == "HEAD" else request.method
        if self.method not in ("*", method):
            return None
        parts = [part for part in self.pattern.split("/") if part]
        rest = bool(parts) and parts[-1] == "*"
        parts = parts[:-1] if rest else parts
        segments = request.segments
        if len(segments) < len(parts) or (len(segments) > len(parts) and not rest):
            return None
        params = {}
        for part, segment in zip(parts, segments, strict=False):
            if part.startswith(":"):
                params[part[1:]] = segment
            elif part != segment:
                return None
        return replace(request, params=params)


class Routes:
    """Rows in order; the first that fits answers."""

    def __init__(self, rows: Iterable[Route]) -> None:
        self._rows = list(rows)

    def add(self, row: Route) -> None:
        """One row more, behind the others."""
        self._rows.append(row)

    def answer(self, request: Request, now_s: float) -> Answer | None:
        """The answer of the first row that fits; None when none does."""
        for row in self._rows:
            matched = row.match(request)
            if matched is not None:
                return row.handler(matched, now_s)
        return None
