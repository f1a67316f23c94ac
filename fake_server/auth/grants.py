"""`POST /token`: a password, a refresh token or a code for a session."""

from __future__ import annotations

from fake_server.auth.body import Body
from fake_server.auth.errors import BAD, OAuthRefused, Refused, invalid
from fake_server.auth.office import Handler, Office
from fake_server.http import Request, Response


def token(office: Office, request: Request, now_s: float) -> Response:
    """The grant that the query names."""
    grant = _GRANTS.get(request.query.get("grant_type", ""))
    if grant is None:
        raise Refused(BAD, "invalid_credentials", "unsupported_grant_type")
    office.rates.spend("token_refresh", request, now_s)
    return grant(office, request, now_s)


def _by_password(office: Office, request: Request, now_s: float) -> Response:
    body = Body(request, "PasswordGrantParams")
    email, phone = body.text("email"), body.text("phone")
    if email and phone:
        raise invalid("Only an email address or phone number should be provided on login.")
    if phone:
        raise Refused(BAD, "phone_provider_disabled", "Phone logins are disabled")
    if not email:
        raise invalid("missing email or phone")
    account = office.accounts.of(email)
    if account is None or not account.has_password(body.text("password")):
        raise Refused(BAD, "invalid_credentials", "Invalid login credentials")
    if account.banned(now_s):
        raise Refused(BAD, "user_banned", "User is banned")
    if account.confirmed_s is None:
        raise Refused(BAD, "email_not_confirmed", "Email not confirmed")
    return office.sign_in(account, "password", request, now_s)


def _by_refresh_token(office: Office, request: Request, now_s: float) -> Response:
    token = Body(request, "RefreshTokenGrantParams").text("refresh_token")
    if not token:
        raise OAuthRefused("invalid_request", "refresh_token required")
    return office.granted(office.sessions.rotate(token, now_s), request, now_s)


def _by_code(office: Office, request: Request, now_s: float) -> Response:
    body = Body(request, "PKCEGrantParams")
    code, verifier = body.text("auth_code"), body.text("code_verifier")
    if not code or not verifier:
        raise invalid("invalid request: both auth code and code verifier should be non-empty")
    flow = office.flows.finish(code, verifier, now_s)
    return office.sign_in(flow.account, flow.method, request, now_s)


_GRANTS: dict[str, Handler] = {
    "password": _by_password,
    "refresh_token": _by_refresh_token,
    "pkce": _by_code,
}
