"""JSON Web Tokens: signing them, checking them, and the words of every refusal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import unquote

import jwt
from jwt.types import Options

_ALGORITHMS = ["HS256", "HS384", "HS512"]
_SIGNATURE_ONLY: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Problem(Enum):
    """What can be wrong with a token: the code that a join puts before the text, and the text."""

    EXPIRED = "InvalidJWTToken", "Token has expired"
    FIELDS = "InvalidJWTToken", "Fields `role` and `exp` are required in JWT"
    MALFORMED = "MalformedJWT", "The token provided is not a valid JWT"
    SIGNATURE = "JwtSignatureError", "Failed to validate JWT signature"
    SIGNER = (
        "JwtSignerError",
        "Failed to generate JWT signer, check your JWT secret or JWKS configuration",
    )


class TokenRefused(Exception):
    """A token that the server does not take; never quotes the token."""

    def __init__(self, problem: Problem, expired_for_s: int = 0) -> None:
        super().__init__(problem.value[1])
        self.problem = problem
        self.expired_for_s = expired_for_s

    @property
    def at_connect(self) -> str:
        """The text of the HTTP refusal (`protocol.md §1.3`)."""
        return self.problem.value[1]

    @property
    def at_join(self) -> str:
        """The reason in the reply to a join (`protocol.md §2.6`)."""
        return f"{self.problem.value[0]}: {self._text}"

    @property
    def while_joined(self) -> str:
        """The system message before the channel is closed (`protocol.md §6.4`)."""
        return ":signature_error" if self.problem is Problem.SIGNATURE else self._text

    @property
    def _text(self) -> str:
        text = self.problem.value[1]
        return (
            text
            if self.problem is not Problem.EXPIRED
            else f"{text} {self.expired_for_s} seconds ago"
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What the server reads from a token that it took."""

    role: str
    expires_s: float
    sub: str | None
    token_id: str | None
    all: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Everything that the token says."""


def sign(claims: Mapping[str, Any], secret: str) -> str:
    """A token with these claims, HS256."""
    return jwt.encode(dict(claims), secret, algorithm="HS256")


def verify(token: str, secret: str, now_s: float) -> Claims:
    """The claims of a token that is good at `now_s`, seconds since the epoch.

    Raises `TokenRefused`: first for the signature, then for its expiry, then for what it lacks
    (`protocol.md §1.4`).
    """
    claims = _signed(token, secret)
    expires_s = claims.get("exp")
    if not isinstance(expires_s, int | float) or not math.isfinite(expires_s):
        raise TokenRefused(Problem.FIELDS)
    if round(expires_s) <= int(now_s):
        raise TokenRefused(Problem.EXPIRED, int(now_s) - round(expires_s))
    if "role" not in claims:
        raise TokenRefused(Problem.FIELDS)
    who = _text(claims, "sub"), _text(claims, "jti")
    return Claims(str(claims["role"]), expires_s, *who, claims)


def holder(token: str | None, secret: str) -> str | None:
    """The `sub` of a token that we signed, expired or not; None for every other token."""
    try:
        return _text(_signed(token or "", secret), "sub")
    except TokenRefused:
        return None


def _signed(token: str, secret: str) -> dict[str, Any]:
    compact = re.sub(r"\s", "", unquote(token))
    try:
        claims = jwt.decode(compact, secret, algorithms=_ALGORITHMS, options=_SIGNATURE_ONLY)
    except jwt.InvalidSignatureError:
        raise TokenRefused(Problem.SIGNATURE) from None
    except jwt.InvalidAlgorithmError:
        raise TokenRefused(Problem.SIGNER) from None
    except jwt.InvalidTokenError:
        raise TokenRefused(Problem.MALFORMED) from None
    return claims


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None
