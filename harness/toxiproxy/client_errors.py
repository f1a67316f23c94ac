"""What can go wrong between us and a Toxiproxy, by what the caller can do about it."""

from __future__ import annotations

from collections.abc import Mapping


class ToxiproxyError(Exception):
    """The Toxiproxy did not do what it was asked; `status` is its HTTP status, if it gave one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Unreachable(ToxiproxyError):
    """Nothing answers at the address, or not in time, or it is no Toxiproxy."""


class BadRequest(ToxiproxyError):
    """It refused what was asked (400), or we did before asking."""


class ProxyExists(ToxiproxyError):
    """There is a proxy of that name already."""


class ProxyNotFound(ToxiproxyError):
    """There is no proxy of that name."""


class ToxicExists(ToxiproxyError):
    """The proxy has a toxic of that name already, on either stream."""


class ToxicNotFound(ToxiproxyError):
    """The proxy has no toxic of that name."""


class ServerFailed(ToxiproxyError):
    """It could not do it: a port is taken (500), it took too long (503), it said no (403)."""


_BY_TEXT: Mapping[str, type[ToxiproxyError]] = {
    "proxy already exists": ProxyExists,
    "toxic already exists": ToxicExists,
    "proxy not found": ProxyNotFound,
    "toxic not found": ToxicNotFound,
}


def error_for(what: str, status: int, text: str) -> ToxiproxyError:
    """The typed error for an answer; `what` was asked."""
    kind = _BY_TEXT.get(text, BadRequest if status == 400 else ServerFailed)
    return kind(f"{what}: {status} {text}", status)
