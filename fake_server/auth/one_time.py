"""Codes and links by mail: asking for one, and proving that it came."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from fake_server.auth.accounts import Account, valid_email
from fake_server.auth.body import Body
from fake_server.auth.errors import BAD, FORBIDDEN, UNPROCESSABLE, Refused, answer, invalid
from fake_server.auth.mail import PKCE, issuer, token_hash
from fake_server.auth.office import Office
from fake_server.auth.pkce import challenge_of
from fake_server.auth.sign_up import new_account
from fake_server.http import Request, Response

_PLACES = {
    "signup": ("confirmation",),
    "invite": ("confirmation",),
    "recovery": ("recovery",),
    "magiclink": ("recovery",),
    "email": ("confirmation", "recovery"),
    "email_change": ("email_change", "email_change_new"),
}
"""What a code of each type may be good for."""
_HALF = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
_IN_URLS = "%/:=&?~#+!$,;'@()*[]"
"""What stands in a URL as it is."""
_OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied"}


# Asking.


def otp(office: Office, request: Request, now_s: float) -> Response:
    """`POST /otp`: mail a code and a link; strangers become users, unless the request says no."""
    office.rates.spend("sign_in_sign_ups", request, now_s)
    body = Body(request, "OtpParams")
    if body.text("email") and body.text("phone"):
        raise invalid("Only an email address or phone number should be provided")
    if body.text("email") and body.text("channel"):
        raise invalid("Channel should only be specified with Phone OTP")
    if body.text("phone"):
        raise Refused(BAD, "phone_provider_disabled", "Unsupported phone provider")
    if not body.text("email"):
        raise invalid("One of email or phone must be set")
    email = valid_email(body.text("email"))
    if office.accounts.of(email) is None and not body.flag("create_user", True):
        raise Refused(UNPROCESSABLE, "otp_disabled", "Signups not allowed for otp")
    return _magic_link(office, email, body, request, now_s)


def magic_link(office: Office, request: Request, now_s: float) -> Response:
    """`POST /magiclink`: the same, in the form of before."""
    office.rates.spend("sign_in_sign_ups", request, now_s)
    body = Body(request, "MagicLinkParams")
    return _magic_link(office, valid_email(body.text("email")), body, request, now_s)


def _magic_link(office: Office, email: str, body: Body, request: Request, now_s: float) -> Response:
    challenge = challenge_of(body)
    account = office.accounts.of(email)
    is_new = account is None
    if account is None:
        if not office.settings.sign_up:
            message = "Signups not allowed for this instance"
            raise Refused(UNPROCESSABLE, "signup_disabled", message)
        account = new_account(office, email, "", body.object("data"), now_s)
        office.accounts.add(account)
        if not office.settings.email_confirm:
            account.confirm(now_s)
    confirmed = account.confirmed_s is not None
    method, kind = ("magiclink", "recovery") if confirmed else ("email/signup", "confirmation")
    types = {email: "magiclink" if confirmed else "signup"}
    pkce = office.begin_flow(account, method, challenge, now_s)
    with office.taking_back(account, is_new):
        office.post.send(account, kind, request, now_s, types, pkce=pkce)
    return answer(200, {})


def recover(office: Office, request: Request, now_s: float) -> Response:
    """`POST /recover`: mail a link to whoever forgot the password; nobody learns who is known."""
    office.rates.spend("sign_in_sign_ups", request, now_s)
    body = Body(request, "RecoverParams")
    if not body.text("email"):
        raise invalid("Password recovery requires an email")
    challenge, email = challenge_of(body), valid_email(body.text("email"))
    account = office.accounts.of(email)
    if account is not None:
        pkce = office.begin_flow(account, "recovery", challenge, now_s)
        office.post.send(account, "recovery", request, now_s, {email: "recovery"}, pkce=pkce)
    return answer(200, {})


def resend(office: Office, request: Request, now_s: float) -> Response:
    """`POST /resend`: the mail that confirms a sign-up or a new email, once more."""
    office.rates.spend("sign_in_sign_ups", request, now_s)
    body = Body(request, "ResendConfirmationParams")
    type_ = body.text("type")
    if type_ not in ("signup", "email_change", "sms", "phone_change"):
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    if type_ == "signup" and not body.text("email"):
        raise invalid("Type provided requires an email address")
    if type_ == "sms" and not body.text("phone"):
        raise invalid("Type provided requires a phone number")
    if body.text("email") and body.text("phone"):
        raise invalid("Only an email address or phone number should be provided.")
    if body.text("phone"):
        raise Refused(BAD, "phone_provider_disabled", "Phone logins are disabled")
    if not body.text("email"):
        raise invalid("Missing email address or phone number")
    account = office.accounts.of(valid_email(body.text("email")))
    if account is not None:
        _send_again(office, account, type_, request, now_s)
    return answer(200, {})


def _send_again(
    office: Office, account: Account, type_: str, request: Request, now_s: float
) -> None:
    if type_ == "signup" and account.confirmed_s is None:
        office.post.send(account, "confirmation", request, now_s, {account.email: "signup"})
    elif type_ == "email_change" and account.new_email:
        send_email_change(office, account, account.new_email, None, request, now_s)


def send_email_change(
    office: Office,
    account: Account,
    email: str,
    challenge: tuple[str, bool] | None,
    request: Request,
    now_s: float,
) -> None:
    """Mail the new email of a user, and the old one where both have to agree."""
    both = office.settings.secure_email_change and account.email
    types = {**({account.email: "email_change"} if both else {}), email: "email_change"}
    pkce = office.begin_flow(account, "email_change", challenge, now_s)
    office.post.send(account, "email_change", request, now_s, types, pkce=pkce)
    account.new_email, account.half_changed = email, False


def reauthenticate(office: Office, request: Request, now_s: float) -> Response:
    """`GET /reauthenticate`: mail a code that lets a password be changed."""
    account, _ = office.signed_in(request, now_s)
    if not account.email:
        raise Refused(
            UNPROCESSABLE,
            "validation_failed",
            "Reauthentication requires the user to have an email or a phone number",
        )
    if account.confirmed_s is None:
        raise Refused(UNPROCESSABLE, "email_not_confirmed", "Please verify your email first.")
    types = {account.email: "reauthentication"}
    office.post.send(account, "reauthentication", request, now_s, types)
    return answer(200, {})


# Proving.


def verify(office: Office, request: Request, now_s: float) -> Response:
    """`POST /verify`: a code or the hash of a link for a session."""
    office.rates.spend("token_verifications", request, now_s)
    body = Body(request, "VerifyParams")
    type_, code, hashed = body.text("type"), body.text("token"), body.text("token_hash")
    if not type_:
        raise invalid("Verify requires a verification type")
    if bool(code) == bool(hashed):
        raise invalid("Verify requires either a token or a token hash")
    if type_ in ("sms", "phone_change"):
        raise Refused(FORBIDDEN, "otp_expired", "Token has expired or is invalid")
    if code:
        account, place = _by_code(office, body, type_, code, now_s)
    else:
        if body.text("email") or body.text("phone") or body.text("redirect_to"):
            raise invalid("Only the token_hash and type should be provided")
        account, place = _by_hash(office, type_, hashed, now_s)
    if not _accept(office, account, place, now_s):
        return answer(200, {"msg": _HALF, "code": "200"})
    return office.sign_in(account, "otp", request, now_s)


def follow(office: Office, request: Request, now_s: float) -> Response:
    """`GET /verify`: the link in a mail; leads on to the application, with tokens or an error."""
    office.rates.spend("token_verifications", request, now_s)
    type_, hashed = request.query.get("type", ""), request.query.get("token", "")
    if not type_:
        raise invalid("Verify requires a verification type")
    if not hashed:
        raise invalid("Verify requires a token or a token hash")
    target, pkce = office.post.destination(request), hashed.startswith(PKCE)
    try:
        account, place = _by_hash(office, type_, hashed, now_s)
        if not _accept(office, account, place, now_s):
            return _led(target, {"message": _HALF}, in_query=pkce)
        if pkce:
            method = "email/signup" if type_ == "signup" else type_
            code = office.flows.code(account, method)
            return _led(target, {}, {"code": code})
    except Refused as refused:
        error = {"error": _OAUTH_ERRORS.get(int(refused.status), "server_error")}
        error |= {"error_code": refused.code, "error_description": refused.message}
        return _led(target, error, in_query=pkce)
    session, refresh = office.sessions.begin(account, "otp", now_s)
    shown = office.sessions.shown(session, refresh, issuer(request), now_s)
    fragment = {name: str(value) for name, value in shown.items() if name != "user"}
    return _led(target, {**fragment, "type": type_})


def _by_code(
    office: Office, body: Body, type_: str, code: str, now_s: float
) -> tuple[Account, str]:
    if bool(body.text("email")) == bool(body.text("phone")):
        raise invalid("Only an email address or phone number should be provided on verify")
    if body.text("phone"):
        raise Refused(BAD, "phone_provider_disabled", "Unsupported phone provider")
    email = valid_email(body.text("email"))
    hashed = token_hash(email, code)
    expired = Refused(FORBIDDEN, "otp_expired", "Token has expired or is invalid")
    if type_ == "email_change":
        found = _found(office, type_, hashed) or _found(office, type_, PKCE + hashed)
        account = found[0] if found else None
    else:
        account = office.accounts.of(email)
    if account is None:
        raise expired
    _check_banned(account, now_s)
    for place in _places(type_):
        one_time = account.one_time.get(place)
        if one_time is None or now_s > one_time.sent_s + office.settings.code_lifetime_s:
            continue
        if one_time.hash in (hashed, PKCE + hashed):
            return account, place
    raise expired


def _by_hash(office: Office, type_: str, hashed: str, now_s: float) -> tuple[Account, str]:
    found = _found(office, type_, hashed)
    expired = Refused(FORBIDDEN, "otp_expired", "Email link is invalid or has expired")
    if found is None:
        raise expired
    account, place = found
    _check_banned(account, now_s)
    if now_s > account.one_time[place].sent_s + office.settings.code_lifetime_s:
        raise expired
    return found


def _found(office: Office, type_: str, hashed: str) -> tuple[Account, str] | None:
    for account in office.accounts:
        for place in _places(type_):
            one_time = account.one_time.get(place)
            if one_time is not None and one_time.hash == hashed:
                return account, place
    return None


def _places(type_: str) -> tuple[str, ...]:
    if type_ not in _PLACES:
        raise invalid("Invalid email verification type")
    return _PLACES[type_]


def _check_banned(account: Account, now_s: float) -> None:
    if account.banned(now_s):
        raise Refused(FORBIDDEN, "user_banned", "User is banned")


def _accept(office: Office, account: Account, place: str, now_s: float) -> bool:
    """The code is good, and used up; tells whether it suffices."""
    del account.one_time[place]
    if place in ("email_change", "email_change_new"):
        both = office.settings.secure_email_change and account.email and not account.half_changed
        if both:
            account.half_changed = True
            return False
        office.accounts.check_free(account.new_email)
        office.accounts.move(account, account.new_email, True, now_s)
        account.new_email, account.half_changed, account.anonymous = "", False, False
    if account.identity is not None:
        account.identity["email_verified"] = True
    if account.confirmed_s is None:
        account.confirm(now_s)
    account.one_time.clear()
    return True


def _led(
    target: str,
    fragment: dict[str, str],
    query: dict[str, str] | None = None,
    *,
    in_query: bool = False,
) -> Response:
    """On to the application; what is told stands in the fragment, with PKCE in the query too."""
    parts = urlsplit(target)
    added = urlencode({**(fragment if in_query else {}), **(query or {})})
    joined = "&".join(part for part in (parts.query, added) if part)
    location = urlunsplit(parts._replace(query=joined, fragment=urlencode(fragment)))
    return Response(HTTPStatus.SEE_OTHER, {"location": quote(location, safe=_IN_URLS)})
