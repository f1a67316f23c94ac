"""Sign-ins that last: refresh tokens that are used once, and the access tokens they buy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fake_server.auth.accounts import Account
from fake_server.auth.errors import BAD, Refused, too_often
from fake_server.core.state import State
from fake_server.sign_in import SignIn
from fake_server.tokens import sign

SESSIONS_MAX = 100_000
_REFRESH_TOKENS_MAX = 1000
"""How many refresh tokens of one session are known; the oldest beyond it are forgotten."""


@dataclass(eq=False, slots=True)
class _Refresh:
    """A refresh token: the one that it came for, and when it was made or used."""

    token: str = field(repr=False)
    parent: str | None = field(repr=False)
    at_s: float
    used: bool = False


@dataclass(eq=False, slots=True)
class Session:
    """One sign-in."""

    id: str
    account: Account
    method: str
    """How the user proved who it is, as the token's `amr` says."""
    began_s: float
    refreshes: dict[str, _Refresh] = field(default_factory=dict, repr=False)

    @property
    def newest(self) -> _Refresh | None:
        """The youngest refresh token that was not used."""
        unused = (each for each in reversed(self.refreshes.values()) if not each.used)
        return next(unused, None)


class Sessions:
    """All of them."""

    def __init__(self, state: State, settings: SignIn) -> None:
        self._state = state
        self._settings = settings
        self._by_id: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}

    def get(self, session_id: str) -> Session | None:
        return self._by_id.get(session_id)

    def of(self, account: Account) -> list[Session]:
        """The sessions of a user."""
        return [each for each in self._by_id.values() if each.account is account]

    def begin(self, account: Account, method: str, now_s: float) -> tuple[Session, str]:
        """The user signs in: the session and its refresh token. Raises `Refused` when there are
        too many sessions."""
        if len(self._by_id) >= SESSIONS_MAX:
            raise too_often()
        account.signed_in_s = account.updated_s = now_s
        session = Session(self.uuid(), account, method, now_s)
        self._by_id[session.id] = session
        return session, self._grant(session, None, now_s)

    def rotate(self, token: str, now_s: float) -> tuple[Session, str]:
        """The session of a refresh token, and the token that follows it. Raises `Refused`.

        The last one used may come again, in case its answer was lost, and is followed by the same;
        an older one may within the reuse interval, after which it uses up all of the session's.
        """
        session = self._by_refresh.get(token)
        if session is None:
            raise _refused("refresh_token_not_found", "Refresh Token Not Found")
        if session.account.banned(now_s):
            raise _refused("user_banned", "User Banned")
        refresh, newest = session.refreshes[token], session.newest
        if refresh.used and newest is not None and newest.parent == token:
            return session, newest.token
        if refresh.used and now_s > refresh.at_s + self._settings.refresh_token_reuse_s:
            for each in session.refreshes.values():
                if not each.used:
                    each.used, each.at_s = True, now_s
            raise _refused("refresh_token_already_used", "Already Used")
        if not refresh.used:
            refresh.used, refresh.at_s = True, now_s
        return session, self._grant(session, token, now_s)

    def end(self, sessions: Iterable[Session]) -> None:
        """They are over: neither their refresh tokens nor their access tokens are good here."""
        for session in sessions:
            del self._by_id[session.id]
            for token in session.refreshes:
                del self._by_refresh[token]

    def shown(self, session: Session, refresh: str, issuer: str, now_s: float) -> dict[str, Any]:
        """The answer to a sign-in: the tokens, when they end, and the user."""
        issued_s, lifetime_s = int(now_s), self._settings.token_lifetime_s
        claims = self._claims(session, issuer, issued_s)
        return {
            "access_token": sign(claims, self._state.config.jwt_secret),
            "token_type": "bearer",
            "expires_in": lifetime_s,
            "expires_at": issued_s + lifetime_s,
            "refresh_token": refresh,
            "user": session.account.shown(),
        }

    def uuid(self) -> str:
        """A new id."""
        return str(UUID(int=self._state.rng.getrandbits(128), version=4))

    def _grant(self, session: Session, parent: str | None, now_s: float) -> str:
        token = f"{self._state.rng.getrandbits(64):016x}"
        session.refreshes[token] = _Refresh(token, parent, now_s)
        self._by_refresh[token] = session
        if len(session.refreshes) > _REFRESH_TOKENS_MAX:
            oldest = next(iter(session.refreshes))
            del session.refreshes[oldest], self._by_refresh[oldest]
        return token

    def _claims(self, session: Session, issuer: str, issued_s: int) -> dict[str, Any]:
        account = session.account
        return {
            "iss": issuer,
            "sub": account.id,
            "aud": "authenticated",
            "exp": issued_s + self._settings.token_lifetime_s,
            "iat": issued_s,
            "jti": self.uuid(),
            "email": account.email,
            "phone": "",
            "app_metadata": account.app_metadata,
            "user_metadata": account.user_metadata,
            "role": account.role,
            "aal": "aal1",
            "amr": [{"method": session.method, "timestamp": int(session.began_s)}],
            "session_id": session.id,
            "is_anonymous": account.anonymous,
        }


def _refused(code: str, reason: str) -> Refused:
    return Refused(BAD, code, f"Invalid Refresh Token: {reason}")
