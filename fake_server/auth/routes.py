"""The addresses under `/auth/v1`, and what every request to them goes through."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from fake_server.auth import admin, grants, one_time, public, sign_up, user
from fake_server.auth.errors import OAuthRefused, Refused, refusal
from fake_server.auth.gateway import key_refused
from fake_server.auth.office import Handler, Office
from fake_server.core.state import State
from fake_server.http import Request, Response, Route

_PREFIX = "/auth/v1/"
_EXPOSED = {"access-control-expose-headers": "X-Total-Count, Link, X-Supabase-Api-Version"}
_OPEN = ("/verify", "/authorize", "/callback", "/.well-known/jwks.json")
"""What links in mails lead to, and the keys: these need no key of the gateway."""
_ROWS: list[tuple[str, str, Handler]] = [
    ("GET", "health", public.health),
    ("GET", "settings", public.settings),
    ("GET", ".well-known/jwks.json", public.keys),
    ("GET", "authorize", public.authorize),
    ("POST", "token", grants.token),
    ("POST", "signup", sign_up.sign_up),
    ("POST", "otp", one_time.otp),
    ("POST", "magiclink", one_time.magic_link),
    ("POST", "recover", one_time.recover),
    ("POST", "resend", one_time.resend),
    ("POST", "verify", one_time.verify),
    ("GET", "verify", one_time.follow),
    ("GET", "reauthenticate", one_time.reauthenticate),
    ("GET", "user", user.shown),
    ("PUT", "user", user.update),
    ("GET", "user/identities/authorize", user.no_linking),
    ("DELETE", "user/identities/:id", user.no_linking),
    ("POST", "logout", user.sign_out),
    ("POST", "invite", admin.invite),
    ("GET", "admin/users", admin.users),
    ("POST", "admin/users", admin.create),
    ("GET", "admin/users/:id", admin.user),
    ("PUT", "admin/users/:id", admin.update),
    ("DELETE", "admin/users/:id", admin.delete),
    ("POST", "admin/generate_link", admin.generate_link),
]


class Auth:
    """The sign-in of a server."""

    def __init__(self, state: State) -> None:
        self._office = Office(state)

    @property
    def routes(self) -> list[Route]:
        """The rows for the gateway; the last takes everything else under the address."""
        rows = [
            Route(method, _PREFIX + name, partial(self._answered, handler))
            for method, name, handler in _ROWS
        ]
        named = [Route("*", row.pattern, _not_so) for row in rows]
        return [*rows, *named, Route("*", f"{_PREFIX}*", _nowhere)]

    def _answered(self, handler: Handler, request: Request, now_s: float) -> Response:
        refused = None
        if not request.path.endswith(_OPEN):
            refused = key_refused(self._office.state, request, now_s)
        if refused is not None:
            return refused
        try:
            response = handler(self._office, request, now_s)
        except (Refused, OAuthRefused) as error:
            response = refusal(request, error)
        return response.with_headers(_EXPOSED) if "origin" in request.headers else response


def _not_so(request: Request, now_s: float) -> Response:
    """The address is there, for another method."""
    return Response(HTTPStatus.METHOD_NOT_ALLOWED)


def _nowhere(request: Request, now_s: float) -> Response:
    """There is no such address."""
    headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    return Response(HTTPStatus.NOT_FOUND, headers, b"404 page not found\n")
