"""Tokens of a recording, born again at the time of the replay."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.golden_replay.transcript import TOKEN

SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"
"""The recorded tenant's (`tests/golden/README.md`)."""
_TIMES = ("iat", "exp", "nbf")
_SINCE = re.compile(r'("since": ?)(\d{13})\b')


@dataclass(frozen=True, slots=True)
class Mover:
    """Moves what a client sends by whole seconds, so that it means the same now as it did then."""

    by_s: int

    def move(self, text: str) -> str:
        """The text with every token signed again, and with the start of a replay (in ms) moved."""
        if self.by_s == 0:
            return text
        moved = TOKEN.sub(lambda match: self._token(match[0]), text)
        return _SINCE.sub(lambda match: f"{match[1]}{int(match[2]) + self.by_s * 1000}", moved)

    def _token(self, token: str) -> str:
        header, body, signature = token.split(".")
        try:
            claims = json.loads(_decoded(body))
        except ValueError:
            return token
        for name in _TIMES:
            if isinstance(claims.get(name), int):
                claims[name] += self.by_s
        moved = f"{header}.{_encoded(json.dumps(claims, separators=(',', ':')).encode())}"
        # A token that was signed otherwise was sent to be wrong, and stays wrong.
        good = signature == _signature(f"{header}.{body}")
        return f"{moved}.{_signature(moved) if good else signature}"


def anon_key(now_s: float) -> str:
    """A good key of the anonymous role, for a request header that a transcript leaves out."""
    claims: dict[str, Any] = {"role": "anon", "iat": int(now_s), "exp": int(now_s) + 3600}
    head = _encoded(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(signed)}"


def is_signed(token: str) -> bool:
    """Whether the recorded tenant's secret signed it."""
    signed, _, signature = token.rpartition(".")
    return signature == _signature(signed)


def _signature(signed: str) -> str:
    return _encoded(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
