"""PKCE: a link that leads to a code, which only who asked for the link can turn into a session."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import compare_digest

from fake_server.auth.accounts import Account
from fake_server.auth.body import Body
from fake_server.auth.errors import BAD, MISSING, UNPROCESSABLE, Refused, invalid

_LIFETIME_S = 300
_FLOWS_MAX = 10_000
"""How many are kept; the oldest beyond it are forgotten, and their codes unknown."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One that was begun."""

    account: Account
    method: str
    """What the session's `amr` will say."""
    challenge: str = field(repr=False)
    hashed: bool
    """The challenge is the verifier's hash, not the verifier."""
    begun_s: float


class Flows:
    """Those that were begun, by their codes."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}

    def begin(self, code: str, flow: Flow) -> None:
        """One more; its code is told when the link is followed."""
        self._flows[code] = flow
        if len(self._flows) > _FLOWS_MAX:
            del self._flows[next(iter(self._flows))]

    def code(self, account: Account, method: str) -> str:
        """The code of the last flow of a user. Raises `Refused` when there is none."""
        for code, flow in reversed(self._flows.items()):
            if flow.account is account and flow.method == method:
                return code
        raise Refused(BAD, "flow_state_not_found", "No associated flow state found.")

    def finish(self, code: str, verifier: str, now_s: float) -> Flow:
        """The flow, whose code is used up. Raises `Refused` for a verifier that does not fit."""
        flow = self._flows.get(code)
        if flow is None:
            message = "invalid flow state, no valid flow state found"
            raise Refused(MISSING, "flow_state_not_found", message)
        if now_s > flow.begun_s + _LIFETIME_S:
            message = "invalid flow state, flow state has expired"
            raise Refused(UNPROCESSABLE, "flow_state_expired", message)
        shown = verifier.encode(errors="surrogatepass")
        if flow.hashed:
            shown = urlsafe_b64encode(sha256(shown).digest()).rstrip(b"=")
        if not compare_digest(shown, flow.challenge.encode()):
            message = "code challenge does not match previously saved code verifier"
            raise Refused(BAD, "bad_code_verifier", message)
        del self._flows[code]
        return flow


def challenge_of(body: Body) -> tuple[str, bool] | None:
    """The challenge of a request, and whether it is a hash; None for one without. Raises
    `Refused`."""
    challenge, method = body.text("code_challenge"), body.text("code_challenge_method").lower()
    if not challenge and not method:
        return None
    if not challenge or not method:
        raise invalid("PKCE flow requires code_challenge_method and code_challenge")
    if not 43 <= len(challenge) <= 128:
        raise invalid("code challenge has to be between 43 and 128 characters")
    if not re.fullmatch(r"[a-zA-Z._~0-9-]+", challenge):
        allowed = "alphanumeric characters, hyphens, periods, underscores and tildes"
        raise invalid(f"code challenge can only contain {allowed}")
    if method not in ("s256", "plain"):
        raise invalid(f"unsupported code_challenge method {method!r}".replace("'", '"'))
    return challenge, method == "s256"
