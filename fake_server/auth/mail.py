"""Mails that are not sent but kept: whoever tests reads their codes from the ground truth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha224
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fake_server.auth.accounts import Account, OneTime
from fake_server.auth.errors import TOO_MANY, Refused
from fake_server.auth.rates import Rates
from fake_server.core.state import State
from fake_server.http import Request
from fake_server.sign_in import SignIn

PKCE = "pkce_"


@dataclass(frozen=True, slots=True)
class Mail:
    """What was sent to whom."""

    to: str
    type: str
    """`signup`, `invite`, `magiclink`, `recovery`, `email_change` or `reauthentication`."""
    code: str = field(repr=False)
    token_hash: str = field(repr=False)
    link: str = field(repr=False)
    """Confirms it, and leads to the application."""
    sent_s: float

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "to": self.to,
            "type": self.type,
            "code": self.code,
            "token_hash": self.token_hash,
            "link": self.link,
            "sent_s": self.sent_s,
        }


class Post:
    """Writes codes and links, and keeps what it sent."""

    def __init__(self, state: State, settings: SignIn, rates: Rates) -> None:
        self._state = state
        self._settings = settings
        self._rates = rates

    def send(
        self,
        account: Account,
        kind: str,
        request: Request,
        now_s: float,
        types: Mapping[str, str],
        *,
        pkce: bool = False,
    ) -> None:
        """Mail the user, by the emails in `types` with the type of each. Raises `Refused` when the
        last mail of this kind was a moment ago, or too many were sent."""
        self._check_interval(account, kind, now_s)
        for email, type_ in types.items():
            self._rates.spend_mail(now_s)
            mail = self.write(email, type_, request, now_s, pkce=pkce)
            place = kind if email == account.email or kind != "email_change" else "email_change_new"
            account.one_time[place] = OneTime(mail.token_hash, now_s)
            self._state.mails.append(mail.shown())
            self._state.truth("mail", to=mail.to, type=mail.type)
        account.sent_s[kind] = now_s

    def write(
        self,
        email: str,
        type_: str,
        request: Request,
        now_s: float,
        *,
        pkce: bool = False,
        redirect_to: str = "",
    ) -> Mail:
        """A mail with a new code, not sent."""
        digits = self._settings.code_length
        code = f"{self._state.rng.randrange(10**digits):0{digits}}"
        hashed = (PKCE if pkce else "") + token_hash(email, code)
        query = {
            "token": hashed,
            "type": type_,
            "redirect_to": self.destination(request, redirect_to),
        }
        link = f"{issuer(request)}/verify?{urlencode(query, quote_via=quote, safe=':/')}"
        return Mail(email, type_, code, hashed, link, now_s)

    def destination(self, request: Request, wanted: str = "") -> str:
        """Where a link leads in the end: what was asked for, if the project lets it."""
        asked = wanted or request.query.get("redirect_to") or request.headers.get("redirect_to", "")
        return asked if asked and self._is_allowed(asked) else self._settings.site_url

    def _is_allowed(self, url: str) -> bool:
        try:
            host, own = urlsplit(url).hostname, urlsplit(self._settings.site_url).hostname
        except ValueError:
            return False
        if host is not None and (host == own or _is_loopback(host)):
            return True
        return any(fnmatchcase(url, pattern) for pattern in self._settings.redirect_urls)

    def _check_interval(self, account: Account, kind: str, now_s: float) -> None:
        left_s = account.sent_s.get(kind, -1e12) + self._settings.mail_interval_s - now_s
        if left_s > 0:
            message = (
                f"For security purposes, you can only request this after {int(left_s)} seconds."
            )
            raise Refused(TOO_MANY, "over_email_send_rate_limit", message)


def token_hash(email: str, code: str) -> str:
    """What stands for a code in a link."""
    return sha224((email + code).encode(errors="surrogatepass")).hexdigest()


def issuer(request: Request) -> str:
    """The address of sign-in, as the client called it."""
    host = re.sub(r"[^\w.:\[\]-]", "", request.headers.get("host", "")) or "localhost"
    return f"http://{host}/auth/v1"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
