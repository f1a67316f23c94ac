"""JSON Web Tokens: signing them, checking them, and the words of every refusal."""

from __future__ import annotations

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import jwt

from fake_server.elixir import inspect
from fake_server.jwks import ALGORITHMS, KeySet

_SIGNER = "Failed to generate JWT signer{}, check your JWT secret or JWKS configuration"
_LATEST_S = 1e12
"""No token is looked at as if it lived longer: 30,000 years."""
_NOTHING: Mapping[str, Any] = {}


class Problem(Enum):
    """What can be wrong with a token: the code that a join puts before the text, and the text."""

    EXPIRED = "InvalidJWTToken", "Token has expired"
    FIELDS = "InvalidJWTToken", "Fields `role` and `exp` are required in JWT"
    LIFETIME = "InvalidJWTToken", "Token expiration time is invalid"
    MALFORMED = "MalformedJWT", "The token provided is not a valid JWT"
    SIGNATURE = "JwtSignatureError", "Failed to validate JWT signature"
    SIGNER = "JwtSignerError", _SIGNER.format("")
    CLAIM = None, "Error connecting to Realtime"
    """A claim that is there and does not hold: the real server has no words for it."""


_INSPECTED = {
    Problem.SIGNATURE: ":signature_error",
    Problem.SIGNER: ":error_generating_signer",
}
"""What the real server prints of a problem that a joined channel has no words for."""


class TokenRefused(Exception):
    """A token that the server does not take; never quotes the token."""

    def __init__(
        self, problem: Problem, detail: str | None = None, text: str | None = None
    ) -> None:
        super().__init__(problem.value[1])
        self.problem = problem
        self._detail = detail
        self._text = problem.value[1] if text is None else text

    @property
    def status(self) -> HTTPStatus:
        """The status of the HTTP refusal (`protocol.md §1.3`)."""
        known = self.problem is not Problem.CLAIM
        return HTTPStatus.UNAUTHORIZED if known else HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def at_connect(self) -> str:
        """The text of the HTTP refusal."""
        return self.problem.value[1] if self.problem is Problem.EXPIRED else self._text

    @property
    def at_join(self) -> str:
        """The reason in the reply to a join (`protocol.md §2.6`)."""
        code = self.problem.value[0]
        return "Unknown Error on Channel" if code is None else f"{code}: {self._text}"

    @property
    def while_joined(self) -> str:
        """The system message before the channel is closed (`protocol.md §6.4`)."""
        return self._text if self._detail is None else self._detail


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


def verify(
    token: str,
    secret: str,
    now_s: float,
    keys: KeySet | None = None,
    expected: Mapping[str, Any] = _NOTHING,
) -> Claims:
    """The claims of a token that opens a connection at `now_s`, seconds since the epoch.

    A claim that is `expected` has to have that value where the token has it at all: a token
    without it passes, as with the real server.

    Raises `TokenRefused`: first for the signature, then for the first claim that does not hold, in
    the order of their names, then for what it lacks (`protocol.md §1.4`).
    """
    claims = _signed(token, secret, keys)
    for name in sorted(claims.keys() & {"exp", "iat", *expected}):
        _check_claim(name, claims[name], int(now_s), expected)
    if "role" not in claims or "exp" not in claims:
        raise TokenRefused(Problem.FIELDS)
    who = _text(claims, "sub"), _text(claims, "jti")
    return Claims(str(claims["role"]), float(min(round(claims["exp"]), _LATEST_S)), *who, claims)


def confirm(
    token: str,
    secret: str,
    now_s: float,
    keys: KeySet | None = None,
    expected: Mapping[str, Any] = _NOTHING,
) -> Claims:
    """The claims of a token that a channel can live on: `verify`, and it has a second to live.

    Raises `TokenRefused`. Only an `exp` between two seconds makes a difference.
    """
    claims = verify(token, secret, now_s, keys, expected)
    left_s = round(claims.expires_s) - int(now_s)
    if left_s <= 0:
        raise TokenRefused(Problem.LIFETIME, str(left_s))
    return claims


def signed_claims(token: str, secret: str, keys: KeySet | None = None) -> Mapping[str, Any]:
    """What a token says that we signed, whether it still holds or not. Raises `TokenRefused`."""
    return _signed(token, secret, keys)


def holder(token: str | None, secret: str, keys: KeySet | None = None) -> str | None:
    """The `sub` of a token that we signed, expired or not; None for every other token."""
    try:
        return _text(_signed(token or "", secret, keys), "sub")
    except TokenRefused:
        return None


def _check_claim(name: str, value: Any, now: int, expected: Mapping[str, Any]) -> None:
    if name == "exp":
        _check_expiry(value, now)
    elif not (_same(value, expected[name]) if name in expected else _is_number(value)):
        raise _claim_refused('"Invalid token"', name, value)


def _same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal as Elixir has it: 1 is 1.0, and not true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _check_expiry(expires: Any, now: int) -> None:
    if _is_number(expires) and expires > now:
        return
    if isinstance(expires, int) and not isinstance(expires, bool):
        text = f"{Problem.EXPIRED.value[1]} {now - expires} seconds ago"
        raise TokenRefused(Problem.EXPIRED, text=text)
    raise _claim_refused(str(now), "exp", expires)


def _claim_refused(message: str, claim: str, value: Any) -> TokenRefused:
    detail = f'[message: {message}, claim: "{claim}", claim_val: {inspect(value)}]'
    return TokenRefused(Problem.CLAIM, detail)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=1024)
def _signed(token: str, secret: str, keys: KeySet | None) -> Mapping[str, Any]:
    """The claims of a token whose signature is good; kept, as each token is shown many times."""
    signed, _, signature_text = re.sub(r"\s", "", unquote(token)).rpartition(".")
    header_text, _, claims_text = signed.partition(".")
    claims, header = _object(claims_text), _object(header_text)
    signature = _decoded(signature_text)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused(Problem.SIGNER, _INSPECTED[Problem.SIGNER])
    family, check = ALGORITHMS[algorithm]
    key = _key(family, header.get("kid"), secret, keys)
    if not check.verify(signed.encode(), key, signature):
        raise TokenRefused(Problem.SIGNATURE, _INSPECTED[Problem.SIGNATURE])
    return claims


def _key(family: str, kid: Any, secret: str, keys: KeySet | None) -> Any:
    """The key of the set that the token names; for HMAC, the secret where there is none."""
    named = keys is not None and isinstance(kid, str)
    key = keys.find(family, kid) if keys is not None and named else None
    if key is not None:
        return key
    if family == "oct":
        return secret.encode()
    if named:
        text = _SIGNER.format(f" for key ID (kid) {inspect(kid)}")
        raise TokenRefused(Problem.SIGNER, text=text)
    raise TokenRefused(Problem.SIGNER, _INSPECTED[Problem.SIGNER])


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(text), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise TokenRefused(Problem.MALFORMED) from None
    if not isinstance(found, dict):
        raise TokenRefused(Problem.MALFORMED)
    return found


def _decoded(text: str) -> bytes:
    if not re.fullmatch(r"[\w-]*", text, re.ASCII):
        raise TokenRefused(Problem.MALFORMED)
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise TokenRefused(Problem.MALFORMED) from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number beyond what a float holds")
    return number


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None
