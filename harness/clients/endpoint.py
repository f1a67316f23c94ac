"""Taking the API key out of the URL that a client is opened with."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit, urlunsplit


def split_key(url: str) -> tuple[str, str]:
    """`ws://host/realtime/v1?apikey=KEY` → (`ws://host/realtime/v1`, `KEY`)."""
    parts = urlsplit(url)
    key = parse_qs(parts.query).get("apikey", [""])[0]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), key
