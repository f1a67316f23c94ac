"""Which server is loaded: the address and the key that were given, checked at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_GATEWAY_PATH = "/realtime/v1"
"""Where Supabase's gateway has Realtime (`protocol.md` §1.1)."""


class BadTarget(ValueError):
    """A host or a key that cannot be used: names what was given, the rule and the mend."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server: its base URL, and the API key that its gateway asks for."""

    url: str
    apikey: str = field(repr=False)


def read_target(host: str, apikey: str | None) -> Target:
    """The target that `--host` and `--apikey` mean. Raises `BadTarget`.

    A host without a path means a Supabase project, whose Realtime is under `/realtime/v1`.
    """
    parts = urlsplit(host)
    _check(host, parts)
    if not apikey:
        raise BadTarget(
            f"--host {host} needs the project's anonymous key: set SUPABASE_ANON_KEY, "
            "or say --apikey (which other users of this machine can see)"
        )
    path = parts.path.rstrip("/") or _GATEWAY_PATH
    return Target(f"{_SCHEMES[parts.scheme]}://{parts.netloc}{path}", apikey)


def _check(host: str, parts: SplitResult) -> None:
    # A URL with a query or a user may carry a key, and is therefore not repeated.
    if parts.query or parts.fragment or parts.username or parts.password:
        raise BadTarget(
            "--host must be a bare URL without a query, a fragment or a user: "
            "the key goes into SUPABASE_ANON_KEY"
        )
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise BadTarget(
            f"--host {host!r} is not a URL of a Realtime server: "
            "say https://PROJECT.supabase.co or ws://127.0.0.1:4000"
        )
    try:
        parts.port  # noqa: B018 (reading it is what checks it)
    except ValueError:
        raise BadTarget(f"--host {host!r}: the port is not a number from 0 to 65535") from None
