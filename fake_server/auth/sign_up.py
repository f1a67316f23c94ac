"""`POST /signup`: strangers become users, with an email and a password, or anonymously."""

from __future__ import annotations

from typing import Any

from fake_server.auth.accounts import Account, check_password, stamp, valid_email
from fake_server.auth.body import Body
from fake_server.auth.errors import BAD, UNPROCESSABLE, Refused, answer, invalid
from fake_server.auth.office import Office
from fake_server.auth.pkce import challenge_of
from fake_server.http import Request, Response


def sign_up(office: Office, request: Request, now_s: float) -> Response:
    """A session where the email needs no confirmation, else the user that has been mailed."""
    body = Body(request, "SignupParams")
    if not body.text("email") and not body.text("phone"):
        return _anonymously(office, body, request, now_s)
    office.rates.spend("sign_in_sign_ups", request, now_s)
    _check_open(office)
    email = _checked(office, body)
    challenge = challenge_of(body)
    account = office.accounts.of(email)
    if account is not None and account.confirmed_s is not None:
        return _known(office, email, body, now_s)
    is_new = account is None
    if account is None:
        account = new_account(office, email, body.text("password"), body.object("data"), now_s)
        office.accounts.add(account)
    if not office.settings.email_confirm:
        account.confirm(now_s)
        return office.sign_in(account, "password", request, now_s)
    pkce = office.begin_flow(account, "email/signup", challenge, now_s)
    with office.taking_back(account, is_new):
        office.post.send(account, "confirmation", request, now_s, {email: "signup"}, pkce=pkce)
    return answer(200, account.shown())


def new_account(
    office: Office, email: str, password: str, data: dict[str, Any] | None, now_s: float
) -> Account:
    """An account of a stranger with this email, not confirmed."""
    account = Account(office.sessions.uuid(), now_s, now_s, password=password or None)
    account.identify(email, False, now_s, **(data or {}))
    account.user_metadata = dict(account.identity or {})
    return account


def _anonymously(office: Office, body: Body, request: Request, now_s: float) -> Response:
    if not office.settings.anonymous:
        message = "Anonymous sign-ins are disabled"
        raise Refused(UNPROCESSABLE, "anonymous_provider_disabled", message)
    office.rates.spend("anonymous_users", request, now_s)
    _check_open(office)
    account = Account(office.sessions.uuid(), now_s, now_s, anonymous=True)
    account.user_metadata = body.object("data") or {}
    office.accounts.add(account)
    return office.sign_in(account, "anonymous", request, now_s)


def _checked(office: Office, body: Body) -> str:
    """The email to sign up. Raises `Refused`."""
    if not body.text("password"):
        raise invalid("Signup requires a valid password")
    check_password(body.text("password"), office.settings.password_length_min)
    if body.text("email") and body.text("phone"):
        raise invalid("Only an email address or phone number should be provided on signup.")
    if body.text("phone"):
        raise Refused(BAD, "phone_provider_disabled", "Phone signups are disabled")
    return valid_email(body.text("email"))


def _known(office: Office, email: str, body: Body, now_s: float) -> Response:
    """Somebody has this email already; a stranger must not learn it where mails confirm."""
    if not office.settings.email_confirm:
        raise Refused(UNPROCESSABLE, "user_already_exists", "User already registered")
    decoy = Account(office.sessions.uuid(), now_s, now_s, email=email, role="")
    decoy.user_metadata = body.object("data") or {}
    decoy.app_metadata = {"provider": "email", "providers": ["email"]}
    shown = decoy.shown()
    return answer(200, {**shown, "confirmation_sent_at": stamp(now_s)})


def _check_open(office: Office) -> None:
    if not office.settings.sign_up:
        message = "Signups not allowed for this instance"
        raise Refused(UNPROCESSABLE, "signup_disabled", message)
