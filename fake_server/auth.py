"""Sign-in as GoTrue does it: password, anonymous, refresh with rotation, user and sign-out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fake_server.core.state import State
from fake_server.database import User
from fake_server.http import Request, Response, Route, json_response
from fake_server.tokens import Claims, TokenRefused, sign, verify
from harness.protocol import MalformedMessage

_API_VERSION = "x-supabase-api-version"
_VERSION = "2024-01-01"
_TOKEN_LIFETIME_S = 3600
_REUSE_S = 10.0
"""How long after its use a refresh token may be used again."""
_SESSIONS_MAX = 100_000
_BAD, _FORBIDDEN, _TOO_MANY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
)


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(eq=False, slots=True)
class _Session:
    """One sign-in: the refresh token that is good, the one before, and when the older were used."""

    id: str
    user: User
    anonymous: bool
    began_s: int
    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    used_s: dict[str, float] = field(default_factory=dict, repr=False)


class Auth:
    """The sessions of a project's users, and what is asked of them under `/auth/v1`."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._users = {
            user.email.lower(): user for user in state.database.schema.users if user.email
        }
        self._sessions: dict[str, _Session] = {}
        self._refresh: dict[str, _Session] = {}

    @property
    def routes(self) -> list[Route]:
        """The rows for the gateway."""
        rows: list[tuple[str, str, Callable[[Request, float], Response]]] = [
            ("POST", "token", self._token),
            ("POST", "signup", self._sign_up),
            ("GET", "user", self._user),
            ("POST", "logout", self._sign_out),
        ]
        return [
            Route(method, f"/auth/v1/{name}", partial(self._answered, handler))
            for method, name, handler in rows
        ]

    def _answered(
        self, handler: Callable[[Request, float], Response], request: Request, now_s: float
    ) -> Response:
        refused = key_refused(self._state, request, now_s)
        if refused is not None:
            return refused
        try:
            return handler(request, now_s)
        except _Refused as error:
            return _error(request, error)

    # What can be asked.

    def _token(self, request: Request, now_s: float) -> Response:
        body = _body(request)
        match request.query.get("grant_type"):
            case "password":
                session = self._begin(self._by_password(body), False, now_s)
            case "refresh_token":
                session = self._rotated(body.get("refresh_token"), now_s)
            case _:
                raise _Refused(_BAD, "invalid_credentials", "unsupported_grant_type")
        return self._session_response(session, now_s)

    def _sign_up(self, request: Request, now_s: float) -> Response:
        body = _body(request)
        if body.get("email") or body.get("phone"):
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            raise _Refused(status, "email_provider_disabled", "Email signups are disabled")
        metadata = body.get("data") or {}
        if not isinstance(metadata, dict):
            raise _Refused(_BAD, "bad_json", "Could not parse request body as JSON")
        user = User(self._uuid(), user_metadata=metadata)
        return self._session_response(self._begin(user, True, now_s), now_s)

    def _user(self, request: Request, now_s: float) -> Response:
        session = self._signed_in(request, now_s)
        return json_response(200, _user_object(session))

    def _sign_out(self, request: Request, now_s: float) -> Response:
        session = self._signed_in(request, now_s)
        scope = request.query.get("scope", "global")
        if scope not in ("global", "local", "others"):
            raise _Refused(_BAD, "validation_failed", f'Unsupported logout scope "{scope}"')
        for other in list(self._sessions.values()):
            is_own = other is session
            same_user = other.user.id == session.user.id
            if same_user and (scope == "global" or is_own == (scope == "local")):
                self._end(other)
        return Response(HTTPStatus.NO_CONTENT)

    # Sessions.

    def _by_password(self, body: Mapping[str, Any]) -> User:
        email, password = body.get("email"), body.get("password")
        if not isinstance(email, str) or not email:
            raise _Refused(_BAD, "validation_failed", "missing email or phone")
        user = self._users.get(email.lower())
        known = user is not None and user.password is not None and isinstance(password, str)
        if user is None or not known or not _equal(str(user.password), str(password)):
            raise _Refused(_BAD, "invalid_credentials", "Invalid login credentials")
        return user

    def _begin(self, user: User, anonymous: bool, now_s: float) -> _Session:
        if len(self._sessions) >= _SESSIONS_MAX:
            raise _Refused(_TOO_MANY, "over_request_rate_limit", "Request rate limit reached")
        session = _Session(self._uuid(), user, anonymous, int(now_s), self._refresh_token())
        self._sessions[session.id] = session
        self._refresh[session.current] = session
        return session

    def _rotated(self, token: Any, now_s: float) -> _Session:
        """The session with a new refresh token; the one before the current may come again, in case
        its answer was lost, and any other within 10 s, else the session ends."""
        if not isinstance(token, str) or not token:
            raise _Refused(_BAD, "validation_failed", "refresh_token required")
        session = self._refresh.get(token)
        if session is None:
            message = "Invalid Refresh Token: Refresh Token Not Found"
            raise _Refused(_BAD, "refresh_token_not_found", message)
        if token == session.current:
            session.previous, session.current = token, self._refresh_token()
            session.used_s[token] = now_s
            self._refresh[session.current] = session
        elif token != session.previous and now_s > session.used_s[token] + _REUSE_S:
            self._end(session)
            message = "Invalid Refresh Token: Already Used"
            raise _Refused(_BAD, "refresh_token_already_used", message)
        return session

    def _end(self, session: _Session) -> None:
        del self._sessions[session.id]
        for token in (session.current, *session.used_s):
            del self._refresh[token]

    def _signed_in(self, request: Request, now_s: float) -> _Session:
        token = bearer(request)
        if token is None:
            message = "This endpoint requires a Bearer token"
            raise _Refused(HTTPStatus.UNAUTHORIZED, "no_authorization", message)
        try:
            claims = _verified(self._state, token, now_s)
        except TokenRefused as refused:
            message = f"invalid JWT: unable to parse or verify signature, {refused.at_connect}"
            raise _Refused(_FORBIDDEN, "bad_jwt", message) from None
        if claims.sub is None:
            raise _Refused(_FORBIDDEN, "bad_jwt", "invalid claim: missing sub claim")
        session = self._sessions.get(str(claims.all.get("session_id")))
        if session is None or session.user.id != claims.sub:
            message = "Session from session_id claim in JWT does not exist"
            raise _Refused(_FORBIDDEN, "session_not_found", message)
        return session

    def _session_response(self, session: _Session, now_s: float) -> Response:
        issued_s = int(now_s)
        return json_response(
            200,
            {
                "access_token": self._access_token(session, issued_s),
                "token_type": "bearer",
                "expires_in": _TOKEN_LIFETIME_S,
                "expires_at": issued_s + _TOKEN_LIFETIME_S,
                "refresh_token": session.current,
                "user": _user_object(session),
            },
        )

    def _access_token(self, session: _Session, issued_s: int) -> str:
        user = session.user
        method = "anonymous" if session.anonymous else "password"
        claims = {
            "iss": "supabase",
            "sub": user.id,
            "aud": "authenticated",
            "exp": issued_s + _TOKEN_LIFETIME_S,
            "iat": issued_s,
            "jti": self._uuid(),
            "email": user.email or "",
            "phone": "",
            "app_metadata": _app_metadata(session),
            "user_metadata": dict(user.user_metadata),
            "role": user.role,
            "aal": "aal1",
            "amr": [{"method": method, "timestamp": session.began_s}],
            "session_id": session.id,
            "is_anonymous": session.anonymous,
        }
        return sign(claims, self._state.config.jwt_secret)

    def _uuid(self) -> str:
        return str(UUID(int=self._state.rng.getrandbits(128), version=4))

    def _refresh_token(self) -> str:
        return f"{self._state.rng.getrandbits(64):016x}"


# The gateway's keys, which the tables ask for as well.


def key_refused(state: State, request: Request, now_s: float) -> Response | None:
    """The gateway's answer to a request without a good `apikey`; None lets it pass."""
    key = request.headers.get("apikey") or request.query.get("apikey")
    if not key:
        hint = "No `apikey` request header or url param was found."
        refusal = {"message": "No API key found in request", "hint": hint}
        return json_response(HTTPStatus.UNAUTHORIZED, refusal)
    try:
        _verified(state, key, now_s)
    except TokenRefused:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        refusal = {"message": "Invalid API key", "hint": hint}
        return json_response(HTTPStatus.UNAUTHORIZED, refusal)
    return None


def bearer(request: Request) -> str | None:
    """The token of `Authorization: Bearer`, if there is one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _verified(state: State, token: str, now_s: float) -> Claims:
    return verify(token, state.config.jwt_secret, now_s, state.config.jwks)


def _body(request: Request) -> dict[str, Any]:
    try:
        value = request.json
    except MalformedMessage:
        value = None
    if not isinstance(value, dict):
        raise _Refused(_BAD, "bad_json", "Could not parse request body as JSON")
    return value


def _error(request: Request, error: _Refused) -> Response:
    """Clients that name the version get the code as text; others the form of before."""
    if request.headers.get(_API_VERSION, "") >= _VERSION:
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        return json_response(error.status, body, {_API_VERSION: _VERSION})
    body = {"code": int(error.status), "error_code": error.code, "msg": error.message}
    return json_response(error.status, body)


def _equal(left: str, right: str) -> bool:
    return secrets.compare_digest(left.encode(), right.encode(errors="surrogatepass"))


def _app_metadata(session: _Session) -> dict[str, Any]:
    provided = {} if session.anonymous else {"provider": "email", "providers": ["email"]}
    return {**provided, **session.user.app_metadata}


def _user_object(session: _Session) -> dict[str, Any]:
    began = datetime.fromtimestamp(session.began_s, UTC).isoformat().replace("+00:00", "Z")
    user = session.user
    confirmed = {} if session.anonymous else {"email_confirmed_at": began, "confirmed_at": began}
    return {
        "id": user.id,
        "aud": "authenticated",
        "role": user.role,
        "email": user.email or "",
        **confirmed,
        "phone": "",
        "last_sign_in_at": began,
        "app_metadata": _app_metadata(session),
        "user_metadata": dict(user.user_metadata),
        "identities": [],
        "created_at": began,
        "updated_at": began,
        "is_anonymous": session.anonymous,
    }
