"""What the API answers when it says no: one status and one text, as Toxiproxy words them."""

from __future__ import annotations


class ApiError(Exception):
    """A refused request: the HTTP status and the text for the body (`toxiproxy.md` §1.3)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def bad_body(reason: str) -> ApiError:
    """400: the body is not what the route takes."""
    return ApiError(400, f"bad request body: {reason}")


def missing_field(name: str) -> ApiError:
    """400: a field that must be there is absent or empty."""
    return ApiError(400, f"missing required field: {name}")


def invalid_stream() -> ApiError:
    """400: neither upstream nor downstream."""
    return ApiError(400, "stream was invalid, can be either upstream or downstream")


def invalid_toxic_type() -> ApiError:
    """400: no such toxic."""
    return ApiError(400, "invalid toxic type")


def proxy_not_found() -> ApiError:
    """404: no proxy of that name."""
    return ApiError(404, "proxy not found")


def toxic_not_found() -> ApiError:
    """404: the proxy has no toxic of that name."""
    return ApiError(404, "toxic not found")


def proxy_exists() -> ApiError:
    """409: names of proxies are unique."""
    return ApiError(409, "proxy already exists")


def toxic_exists() -> ApiError:
    """409: names of toxics are unique over both streams of a proxy."""
    return ApiError(409, "toxic already exists")


def cannot_listen(reason: str) -> ApiError:
    """500: the address is wrong or taken; the original answers 500 for both."""
    return ApiError(500, reason)
