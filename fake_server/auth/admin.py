"""`/admin` and `/invite`: what only the key of the service may do."""

from __future__ import annotations

import re
from math import ceil
from urllib.parse import urlencode
from uuid import UUID

from fake_server.auth.accounts import Account, OneTime, check_password, valid_email
from fake_server.auth.body import Body
from fake_server.auth.errors import MISSING, Refused, answer, invalid
from fake_server.auth.office import Office
from fake_server.auth.sign_up import new_account
from fake_server.auth.user import merge
from fake_server.http import Request, Response

_PER_PAGE = 50
_DURATION_CHARS_MAX = 60
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_LINKS = {
    "signup": "confirmation",
    "invite": "confirmation",
    "magiclink": "recovery",
    "recovery": "recovery",
    "email_change_current": "email_change",
    "email_change_new": "email_change_new",
}
"""The place of the code of each type of link."""


def users(office: Office, request: Request, now_s: float) -> Response:
    """`GET /admin/users`: a page of them, the youngest first."""
    office.check_admin(request, now_s)
    page, per_page = _number(request, "page", 1), _number(request, "per_page", _PER_PAGE)
    wanted = request.query.get("filter", "")
    found = [each for each in office.accounts if wanted in each.email]
    found.sort(key=lambda each: each.created_s, reverse=True)
    listed = [each.shown() for each in found[(page - 1) * per_page : page * per_page]]
    pages = ceil(len(found) / per_page)
    links = [(page + 1, "next")] if pages > page else []
    query = {name: value for name, value in request.query.items() if name != "page"}
    link = ", ".join(
        # Sorted as Go does: auth-js takes the first number of a link for its page.
        f'</admin/users?{urlencode(sorted({**query, "page": str(number)}.items()))}>; rel="{rel}"'
        for number, rel in [*links, (pages, "last")]
    )
    headers = {"x-total-count": str(len(found)), "link": link}
    return answer(200, {"users": listed, "aud": "authenticated"}, headers)


def user(office: Office, request: Request, now_s: float) -> Response:
    """`GET /admin/users/ID`."""
    office.check_admin(request, now_s)
    return answer(200, _named(office, request).shown())


def create(office: Office, request: Request, now_s: float) -> Response:
    """`POST /admin/users`: a new user; mails none."""
    office.check_admin(request, now_s)
    body = Body(request, "AdminUserParams")
    if body.text("phone"):
        raise invalid("Phone numbers are not supported here")
    if not body.text("email"):
        raise invalid("Cannot create a user without either an email or phone")
    email, banned_s = valid_email(body.text("email")), _ban_s(body)
    office.accounts.check_free(email)
    account = new_account(office, email, body.text("password"), None, now_s)
    account.user_metadata = body.object("user_metadata") or {}
    if body.text("id"):
        account.id = _new_id(office, body.text("id"))
        account.identify(email, False, now_s)
    _set(account, body, banned_s, now_s)
    office.accounts.add(account)
    return answer(200, account.shown())


def update(office: Office, request: Request, now_s: float) -> Response:
    """`PUT /admin/users/ID`: anything of a user, at once and without mails."""
    office.check_admin(request, now_s)
    account = _named(office, request)
    body = Body(request, "AdminUserParams")
    email, banned_s = body.text("email"), _ban_s(body)
    if email:
        email = valid_email(email)
        if email != account.email:
            office.accounts.check_free(email)
    if "password" in body:
        check_password(body.text("password"), office.settings.password_length_min)
        account.password = body.text("password")
        office.sessions.end(office.sessions.of(account))
    if email:
        office.accounts.move(account, email, body.flag("email_confirm"), now_s)
        account.anonymous = account.anonymous and not body.flag("email_confirm")
    merge(account.user_metadata, body.object("user_metadata"))
    _set(account, body, banned_s, now_s)
    return answer(200, account.shown())


def delete(office: Office, request: Request, now_s: float) -> Response:
    """`DELETE /admin/users/ID`: its sessions end; a soft deletion keeps its id."""
    office.check_admin(request, now_s)
    account = _named(office, request)
    soft = bool(request.body) and Body(request, "adminUserDeleteParams").flag("should_soft_delete")
    office.sessions.end(office.sessions.of(account))
    if soft:
        office.accounts.retire(account, now_s)
    else:
        office.accounts.remove(account)
    return answer(200, {})


def invite(office: Office, request: Request, now_s: float) -> Response:
    """`POST /invite`: mail a stranger a link that makes a user of it."""
    office.check_admin(request, now_s)
    body = Body(request, "InviteParams")
    email = valid_email(body.text("email"))
    is_new = office.accounts.of(email) is None
    account = _invited(office, email, body, now_s)
    with office.taking_back(account, is_new):
        office.post.send(account, "confirmation", request, now_s, {email: "invite"})
    account.invited_s = now_s
    return answer(200, account.shown())


def generate_link(office: Office, request: Request, now_s: float) -> Response:
    """`POST /admin/generate_link`: the link and the code of a mail that is not sent."""
    office.check_admin(request, now_s)
    body = Body(request, "GenerateLinkParams")
    email, type_ = valid_email(body.text("email")), body.text("type")
    account = office.accounts.of(email)
    if type_ == "magiclink" and account is None:
        type_ = "signup"
    if type_ not in _LINKS:
        raise invalid(f"Invalid email action link type requested: {type_[:60]}")
    if account is None and type_ not in ("signup", "invite"):
        raise Refused(MISSING, "user_not_found", "User with this email not found")
    account, mailed = _linked(office, email, type_, body, now_s)
    link_type = "email_change" if type_.startswith("email_change") else type_
    wanted = body.text("redirect_to")
    mail = office.post.write(mailed, link_type, request, now_s, redirect_to=wanted)
    account.one_time[_LINKS[type_]] = OneTime(mail.token_hash, now_s)
    account.sent_s[_LINKS[type_].removesuffix("_new")] = now_s
    made = {
        "action_link": mail.link,
        "email_otp": mail.code,
        "hashed_token": mail.token_hash,
        "verification_type": type_,
        "redirect_to": office.post.destination(request, wanted),
    }
    return answer(200, {**account.shown(), **made})


def _linked(
    office: Office, email: str, type_: str, body: Body, now_s: float
) -> tuple[Account, str]:
    """Who gets the link, and to which email; strangers become users."""
    account = office.accounts.of(email)
    if type_ in ("signup", "invite"):
        if type_ == "signup" and account is None and body.text("type") == "signup":
            if not body.text("password"):
                raise invalid("Signup requires a valid password")
            check_password(body.text("password"), office.settings.password_length_min)
        return _invited(office, email, body, now_s, invited=type_ == "invite"), email
    assert account is not None
    if not type_.startswith("email_change"):
        return account, email
    new_email = valid_email(body.text("new_email"))
    office.accounts.check_free(new_email)
    account.new_email, account.half_changed = new_email, False
    return account, new_email if type_ == "email_change_new" else email


def _invited(
    office: Office, email: str, body: Body, now_s: float, *, invited: bool = True
) -> Account:
    """The unconfirmed user with this email, made if there is none. Raises `Refused`."""
    account = office.accounts.of(email)
    if account is not None and account.confirmed_s is not None:
        office.accounts.check_free(email)
    if account is None:
        password = body.text("password")
        account = new_account(office, email, password, body.object("data"), now_s)
        office.accounts.add(account)
    if invited:
        account.invited_s = now_s
    return account


def _set(account: Account, body: Body, banned_s: float | None, now_s: float) -> None:
    account.role = body.text("role") or account.role
    merge(account.app_metadata, body.object("app_metadata"))
    if banned_s is not None:
        account.banned_until_s = now_s + banned_s if banned_s else None
    if body.flag("email_confirm"):
        account.confirm(now_s)
        if account.identity is not None:
            account.identity["email_verified"] = True
    account.updated_s = now_s


def _named(office: Office, request: Request) -> Account:
    try:
        account = office.accounts.get(str(UUID(request.params["id"])))
    except ValueError:
        raise Refused(MISSING, "validation_failed", "user_id must be an UUID") from None
    if account is None:
        raise Refused(MISSING, "user_not_found", "User not found")
    return account


def _new_id(office: Office, text: str) -> str:
    try:
        given = UUID(text)
    except ValueError:
        raise invalid("ID must conform to the uuid v4 format") from None
    if given.int == 0:
        raise invalid("ID cannot be a nil uuid")
    if office.accounts.get(str(given)) is not None:
        raise invalid("A user with this ID has already been registered")
    return str(given)


def _ban_s(body: Body) -> float | None:
    """How long to ban, 0 for no more; None leaves it as it is. Raises `Refused`."""
    text = body.text("ban_duration")
    if not text:
        return None
    if text in ("none", "0"):
        return 0.0
    parts = _DURATION.findall(text) if len(text) <= _DURATION_CHARS_MAX else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise invalid(f'invalid format for ban duration: time: invalid duration "{text[:60]}"')
    return min(sum(float(number) * _UNIT_S[unit] for number, unit in parts), 1e10)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        reason = f'strconv.ParseUint: parsing "{text[:60]}": invalid syntax'
        raise invalid(f"Bad Pagination Parameters: {reason}")
    return max(int(text), 1)
