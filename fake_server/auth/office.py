"""What every request of sign-in works with: the accounts, their sessions, mails and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from fake_server.auth.accounts import Account, Accounts
from fake_server.auth.errors import BAD, FORBIDDEN, UNAUTHORIZED, Refused, answer
from fake_server.auth.gateway import bearer
from fake_server.auth.mail import Post, issuer
from fake_server.auth.pkce import Flow, Flows
from fake_server.auth.rates import Rates
from fake_server.auth.sessions import Session, Sessions
from fake_server.core.state import State
from fake_server.http import Request, Response
from fake_server.sign_in import SignIn
from fake_server.tokens import Claims, Problem, TokenRefused, verify

_ADMINS = ("service_role", "supabase_admin")
_JWT_PROBLEMS = {
    Problem.EXPIRED: "token has invalid claims: token is expired",
    Problem.SIGNATURE: "token signature is invalid: signature is invalid",
    Problem.MALFORMED: "token is malformed: token contains an invalid number of segments",
}


@dataclass(frozen=True)
class Office:
    """The sign-in of one project."""

    state: State = field(repr=False)
    settings: SignIn = field(init=False)
    accounts: Accounts = field(init=False)
    sessions: Sessions = field(init=False)
    rates: Rates = field(init=False)
    post: Post = field(init=False)
    flows: Flows = field(default_factory=Flows)

    def __post_init__(self) -> None:
        schema = self.state.database.schema
        rates = Rates(schema.sign_in.rate_limits)
        parts = {
            "settings": schema.sign_in,
            "accounts": Accounts(schema.users),
            "sessions": Sessions(self.state, schema.sign_in),
            "rates": rates,
            "post": Post(self.state, schema.sign_in, rates),
        }
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def signed_in(self, request: Request, now_s: float) -> tuple[Account, Session | None]:
        """Whose token a request carries, and of which session; a token that was not issued here
        has none. Raises `Refused`."""
        claims = self._claims(request, now_s)
        if not claims.sub:
            raise Refused(FORBIDDEN, "bad_jwt", "invalid claim: missing sub claim")
        if not _is_uuid(claims.sub):
            raise Refused(BAD, "bad_jwt", "invalid claim: sub claim must be a UUID")
        account = self.accounts.get(claims.sub)
        if account is None:
            message = "User from sub claim in JWT does not exist"
            raise Refused(FORBIDDEN, "user_not_found", message)
        named = claims.all.get("session_id")
        if not named:
            return account, None
        session = self.sessions.get(str(named))
        if session is None or session.account is not account:
            message = "Session from session_id claim in JWT does not exist"
            raise Refused(FORBIDDEN, "session_not_found", message)
        return account, session

    def check_admin(self, request: Request, now_s: float) -> None:
        """Raises `Refused` unless a request carries the key of the service."""
        if self._claims(request, now_s).role not in _ADMINS:
            raise Refused(FORBIDDEN, "not_admin", "User not allowed")

    def sign_in(self, account: Account, method: str, request: Request, now_s: float) -> Response:
        """Begin a session, and answer with its tokens."""
        return self.granted(self.sessions.begin(account, method, now_s), request, now_s)

    def granted(self, granted: tuple[Session, str], request: Request, now_s: float) -> Response:
        """The answer with the tokens of a session."""
        return answer(200, self.sessions.shown(*granted, issuer(request), now_s))

    @contextmanager
    def taking_back(self, account: Account, is_new: bool) -> Iterator[None]:
        """Whoever was made a user for a request that is refused is none."""
        try:
            yield
        except Refused:
            if is_new:
                self.accounts.remove(account)
            raise

    def begin_flow(
        self, account: Account, method: str, challenge: tuple[str, bool] | None, now_s: float
    ) -> bool:
        """Begin PKCE where a challenge came with the request; tells whether it did."""
        if challenge is not None:
            self.flows.begin(self.sessions.uuid(), Flow(account, method, *challenge, now_s))
        return challenge is not None

    def _claims(self, request: Request, now_s: float) -> Claims:
        token = bearer(request)
        if token is None:
            message = "This endpoint requires a Bearer token"
            raise Refused(UNAUTHORIZED, "no_authorization", message)
        try:
            return verify(token, self.state.config.jwt_secret, now_s, self.state.config.jwks)
        except TokenRefused as refused:
            reason = _JWT_PROBLEMS.get(refused.problem, refused.at_connect)
            message = f"invalid JWT: unable to parse or verify signature, {reason}"
            raise Refused(FORBIDDEN, "bad_jwt", message) from None


Handler = Callable[[Office, Request, float], Response]
"""Answers a request at a time, in seconds since the epoch. Raises `Refused`."""


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
