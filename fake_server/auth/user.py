"""`/user` and `/logout`: what a user may see and change of itself."""

from __future__ import annotations

from fake_server.auth.accounts import Account, check_password, valid_email
from fake_server.auth.body import Body
from fake_server.auth.errors import FORBIDDEN, MISSING, UNPROCESSABLE, Refused, answer, invalid
from fake_server.auth.office import Office
from fake_server.auth.one_time import send_email_change
from fake_server.auth.pkce import challenge_of
from fake_server.auth.sessions import Session
from fake_server.http import Request, Response


def shown(office: Office, request: Request, now_s: float) -> Response:
    """`GET /user`."""
    account, _ = office.signed_in(request, now_s)
    return answer(200, account.shown())


def update(office: Office, request: Request, now_s: float) -> Response:
    """`PUT /user`: a new email, password or metadata; all or nothing."""
    account, session = office.signed_in(request, now_s)
    office.rates.spend("sign_in_sign_ups", request, now_s)
    body = Body(request, "UserUpdateParams")
    email = valid_email(body.text("email")) if body.text("email") else ""
    challenge = challenge_of(body)
    _check(office, account, body, email)
    if email and email != account.email:
        if account.anonymous and not office.settings.email_confirm:
            office.accounts.move(account, email, True, now_s)
            account.anonymous = False
            account.confirm(now_s)
        else:
            send_email_change(office, account, email, challenge, request, now_s)
    if body.text("password"):
        _set_password(office, account, session, body.text("password"))
    merge(account.user_metadata, body.object("data"))
    account.updated_s = now_s
    return answer(200, account.shown())


def sign_out(office: Office, request: Request, now_s: float) -> Response:
    """`POST /logout`: end this session, the user's others, or all of them."""
    account, session = office.signed_in(request, now_s)
    scope = request.query.get("scope") or "global"
    if scope not in ("global", "local", "others"):
        raise invalid(f'Unsupported logout scope "{scope[:60]}"')
    for each in office.sessions.of(account):
        if scope == "global" or (each is session) == (scope == "local"):
            office.sessions.end([each])
    return Response(204)


def no_linking(office: Office, request: Request, now_s: float) -> Response:
    """`/user/identities`: linking by hand is off, as in every new project."""
    office.signed_in(request, now_s)
    raise Refused(MISSING, "manual_linking_disabled", "Manual linking is disabled")


def merge(metadata: dict[str, object], given: dict[str, object] | None) -> None:
    """Set these fields; null takes one away."""
    for name, value in (given or {}).items():
        if value is None:
            metadata.pop(name, None)
        else:
            metadata[name] = value


def _check(office: Office, account: Account, body: Body, email: str) -> None:
    """Everything that can refuse a change, before anything is changed."""
    password = body.text("password")
    if body.text("phone"):
        raise invalid("Error sending confirmation sms: phone provider is disabled")
    if "password" in body:
        check_password(password, office.settings.password_length_min)
    if body.object("app_metadata") is not None:
        message = "Updating app_metadata requires admin privileges"
        raise Refused(FORBIDDEN, "not_admin", message)
    if account.anonymous and password and not email:
        message = "Updating password of an anonymous user without an email or phone is not allowed"
        raise Refused(UNPROCESSABLE, "validation_failed", message)
    if email and email != account.email:
        office.accounts.check_free(email)
    if password and account.has_password(password):
        message = "New password should be different from the old password."
        raise Refused(UNPROCESSABLE, "same_password", message)


def _set_password(office: Office, account: Account, session: Session | None, password: str) -> None:
    """The other sessions end: whoever knew the old password is out."""
    account.password = password
    others = [each for each in office.sessions.of(account) if each is not session]
    office.sessions.end(others)
