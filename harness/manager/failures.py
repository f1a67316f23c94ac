"""Why a link could not be made or ended, and which kind of waiting that calls for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """The classes of failure that call for different waiting."""

    DROP = "drop"
    """Unexpected: refused, reset, silent, timed out, or closed with a code of no other class."""
    DRAIN = "drain"
    """The server asked us away, and everybody else too: spread out before coming back."""
    UNAUTHORIZED = "unauthorized"
    """The server will say the same again until the application changes something."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed dial or one lost link."""

    reason: str
    """In words, without secrets."""
    cause: Cause = Cause.DROP
    http_status: int | None = None
    """Where the handshake was answered, but not with 101."""
    close_code: int | None = None
    """Where a WebSocket close frame ended the link."""
    retry_after_s: float | None = None
    """Seconds that the server asked us to stay away."""


# 1012: deploys, drains and settings changes; 1001: the server's own disconnect after a rate limit
# (`protocol.md §1.7`). Both reach many clients at the same moment.
_CLOSE_CAUSES = {1001: Cause.DRAIN, 1012: Cause.DRAIN}
# 429 comes without Retry-After and to everybody at once (`failures.md §0.6`).
_STATUS_CAUSES = {401: Cause.UNAUTHORIZED, 403: Cause.UNAUTHORIZED, 429: Cause.DRAIN}


def of_close(code: int | None, reason: str = "") -> Failure:
    """The failure that a WebSocket close means; `code` is None where no close frame came."""
    if code is None:
        return Failure(reason or "the connection broke without a close frame")
    text = f"closed by the server with code {code}" + (f": {reason}" if reason else "")
    return Failure(text, _CLOSE_CAUSES.get(code, Cause.DROP), close_code=code)


def of_status(status: int, body: str = "", retry_after_s: float | None = None) -> Failure:
    """The failure that an HTTP answer other than 101 means (`protocol.md §1.3`)."""
    text = f"the server answered HTTP {status}" + (f": {body}" if body else "")
    cause = _STATUS_CAUSES.get(status, Cause.DROP)
    return Failure(text, cause, http_status=status, retry_after_s=retry_after_s)
