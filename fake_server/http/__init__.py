"""HTTP/1.1 on the port of the WebSockets: what is no upgrade is answered from a table of routes.

A feature gives rows, `Route("POST", "/api/things/:id", handler)`, where the handler takes a
`Request` and the time and returns a `Response`, or a `Later` for an answer that takes time. No
handler does I/O.
"""

from fake_server.http.message import (
    UNCACHED,
    Answer,
    Later,
    Request,
    Response,
    json_response,
    words,
)
from fake_server.http.routes import Handler, Route, Routes

__all__ = [
    "UNCACHED",
    "Answer",
    "Handler",
    "Later",
    "Request",
    "Response",
    "Route",
    "Routes",
    "json_response",
    "words",
]
