"""Opening one WebSocket with `websockets`, and the words for everything that can go wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from harness.manager import failures
from harness.manager.config import Config
from harness.manager.errors import InvalidSetting
from harness.manager.failures import Failure
from harness.protocol import V2

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_BODY_CHARS_MAX = 200

# At DEBUG websockets logs URLs and frames, which hold the key and the tokens: not through our name.
WIRE_LOG = logging.getLogger("harness.manager.wire")
WIRE_LOG.setLevel(logging.INFO)

DIAL_ERRORS = (OSError, EOFError, InvalidHandshake, ConnectionClosed, UnicodeError)
"""What a network and a server can do to an attempt (a TimeoutError is an OSError)."""


def socket_url(url: str, apikey: str) -> str:
    """The URL to dial, from the base URL that people copy: `https://ref.supabase.co/realtime/v1`.

    Raises `InvalidSetting`; its text shows no more of the URL than scheme and host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise InvalidSetting(
            f"url with scheme {parts.scheme!r} and host {parts.hostname!r}: say "
            "wss://<project>.supabase.co/realtime/v1 (ws, wss, http or https, and a host)"
        )
    if parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidSetting("the url may hold no query, fragment or password: pass apikey=…")
    path = parts.path.rstrip("/")
    scheme = _SCHEMES[parts.scheme]
    return f"{scheme}://{parts.netloc}{path}/websocket?apikey={quote(apikey, safe='')}&vsn={V2.vsn}"


async def dial(url: str, config: Config) -> ClientConnection:
    """Open the WebSocket; raises one of `DIAL_ERRORS`."""
    return await connect(
        url,
        open_timeout=config.open_timeout_s,
        close_timeout=config.close_timeout_s,
        # The manager's own heartbeat finds dead links, and dead applications behind live links.
        ping_interval=None,
        # The server accepts no compression (`protocol.md §1.1`).
        compression=None,
        max_size=config.message_bytes_max,
        logger=WIRE_LOG,
    )


def failure_of(error: Exception) -> Failure:
    """What a failed attempt means for the next one."""
    if isinstance(error, InvalidStatus):
        response = error.response
        body = _error_text(bytes(response.body or b""))
        return failures.of_status(response.status_code, body, retry_after_s(response.headers))
    if isinstance(error, TimeoutError):
        return Failure("the attempt to connect timed out")
    return Failure(f"cannot connect: {type(error).__name__}: {error}")


def failure_of_close(error: ConnectionClosed) -> Failure:
    """What the end of a link means for the next one."""
    if error.rcvd is not None:
        return failures.of_close(error.rcvd.code, error.rcvd.reason)
    if error.sent is not None:
        return Failure(f"closed by us with code {error.sent.code}: {error.sent.reason}")
    return failures.of_close(None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that `Retry-After` asks for; None without a header that reads.

    A date is taken relative to the answer's own `Date`, so that our wall clock does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - since).total_seconds())
    except (TypeError, ValueError):
        return None


def _error_text(body: bytes) -> str:
    """The server's own words: `{"error": "…"}` (`protocol.md §1.3`), or the body as it is."""
    text = body.decode(errors="replace").strip()
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        text = str(json.loads(text)["error"])
    return text[:_BODY_CHARS_MAX]
