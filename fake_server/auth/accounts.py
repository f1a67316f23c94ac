"""The users of a project: what is known of each, and the object that a client sees of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from fake_server.auth.errors import BAD, UNPROCESSABLE, Refused, invalid, too_often
from fake_server.database import User

ACCOUNTS_MAX = 100_000
_EMAIL_TAKEN = "A user with this email address has already been registered"
_SEEDED_S = 1_704_067_200.0
"""When the users of the schema file signed up: before the server was, on 2024-01-01."""
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_EMAIL_CHARS_MAX = 254
_PASSWORD_BYTES_MAX = 72


@dataclass(slots=True)
class OneTime:
    """A code that was mailed and not used yet."""

    hash: str = field(repr=False)
    """What the link carries; with the prefix `pkce_` when the link leads to a code."""
    sent_s: float


@dataclass(eq=False, slots=True)
class Account:
    """One user. Times are seconds since the epoch; None is never."""

    id: str
    created_s: float
    updated_s: float
    email: str = ""
    password: str | None = field(default=None, repr=False)
    role: str = "authenticated"
    app_metadata: dict[str, Any] = field(default_factory=dict)
    user_metadata: dict[str, Any] = field(default_factory=dict)
    anonymous: bool = False
    identity: dict[str, Any] | None = None
    """What its sign-in by email is known by; None is an anonymous user."""
    confirmed_s: float | None = None
    invited_s: float | None = None
    signed_in_s: float | None = None
    banned_until_s: float | None = None
    deleted_s: float | None = None
    new_email: str = ""
    half_changed: bool = False
    """One of the two mails that confirm a new email has been answered."""
    sent_s: dict[str, float] = field(default_factory=dict)
    """When the last mail of each kind was sent."""
    one_time: dict[str, OneTime] = field(default_factory=dict)
    """The codes that are good, by what they are for."""

    def banned(self, now_s: float) -> bool:
        """Whether it may not sign in at present."""
        return self.banned_until_s is not None and now_s < self.banned_until_s

    def has_password(self, password: str) -> bool:
        """Whether this is its password."""
        if self.password is None:
            return False
        return secrets.compare_digest(
            self.password.encode(errors="surrogatepass"), password.encode(errors="surrogatepass")
        )

    def confirm(self, now_s: float) -> None:
        """The email is known to be its own."""
        self.confirmed_s = self.updated_s = now_s
        self.user_metadata["email_verified"] = True
        self.one_time.clear()

    def identify(self, email: str, verified: bool, now_s: float, **more: Any) -> None:
        """It signs in by this email from now on."""
        known = {"email": email, "email_verified": verified, "phone_verified": False}
        self.identity = {**more, **(self.identity or {}), **known, "sub": self.id}
        self.email, self.updated_s = email, now_s
        self.app_metadata = {**self.app_metadata, "provider": "email", "providers": ["email"]}

    def shown(self) -> dict[str, Any]:
        """The object that clients know as the user."""
        times = {
            "email_confirmed_at": self.confirmed_s,
            "invited_at": self.invited_s,
            "confirmation_sent_at": self.sent_s.get("confirmation"),
            "confirmed_at": self.confirmed_s,
            "recovery_sent_at": self.sent_s.get("recovery"),
            "email_change_sent_at": self.sent_s.get("email_change"),
            "reauthentication_sent_at": self.sent_s.get("reauthentication"),
            "last_sign_in_at": self.signed_in_s,
            "banned_until": self.banned_until_s,
            "deleted_at": self.deleted_s,
        }
        return {
            "id": self.id,
            "aud": "authenticated",
            "role": self.role,
            "email": self.email,
            "phone": "",
            **{name: stamp(at_s) for name, at_s in times.items() if at_s is not None},
            **({"new_email": self.new_email} if self.new_email else {}),
            "app_metadata": self.app_metadata,
            "user_metadata": self.user_metadata,
            "identities": self._identities(),
            "created_at": stamp(self.created_s),
            "updated_at": stamp(self.updated_s),
            "is_anonymous": self.anonymous,
        }

    def _identities(self) -> list[dict[str, Any]]:
        if self.identity is None:
            return []
        return [
            {
                "identity_id": str(uuid5(UUID(self.id), "email")),
                "id": self.id,
                "user_id": self.id,
                "identity_data": self.identity,
                "provider": "email",
                "last_sign_in_at": stamp(self.signed_in_s or self.created_s),
                "created_at": stamp(self.created_s),
                "updated_at": stamp(self.updated_s),
                "email": self.identity["email"],
            }
        ]


class Accounts:
    """All of them, by id and by email, in the order of their making."""

    def __init__(self, users: Iterable[User]) -> None:
        self._by_id: dict[str, Account] = {}
        self._by_email: dict[str, Account] = {}
        for user in users:
            self.add(_seeded(user))

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_id.values())

    def add(self, account: Account) -> None:
        """One more. Raises `Refused` when there are too many."""
        if len(self._by_id) >= ACCOUNTS_MAX:
            raise too_often("Too many users")
        self._by_id[account.id] = account
        if account.email:
            self._by_email[account.email] = account

    def remove(self, account: Account) -> None:
        """It is no more."""
        self._by_id.pop(account.id)
        self._by_email.pop(account.email, None)

    def get(self, user_id: str | None) -> Account | None:
        return self._by_id.get(user_id or "")

    def of(self, email: str) -> Account | None:
        """Whose email this is; emails are compared without case."""
        return self._by_email.get(email.lower())

    def move(self, account: Account, email: str, verified: bool, now_s: float) -> None:
        """Give it another email."""
        self._by_email.pop(account.email, None)
        account.identify(email, verified, now_s)
        self._by_email[email] = account

    def retire(self, account: Account, now_s: float) -> None:
        """Keep it as one that was deleted: nobody can sign in as it, and its email is free."""
        self._by_email.pop(account.email, None)
        account.email = account.new_email = ""
        account.password = account.identity = None
        account.user_metadata, account.app_metadata = {}, {}
        account.one_time.clear()
        account.deleted_s = account.updated_s = now_s

    def check_free(self, email: str) -> None:
        """Raises `Refused` for an email that somebody has."""
        if self.of(email) is not None:
            raise Refused(UNPROCESSABLE, "email_exists", _EMAIL_TAKEN)


def valid_email(email: str) -> str:
    """The email in lower case. Raises `Refused` for what is none."""
    if not email:
        raise invalid("An email address is required")
    if len(email) > _EMAIL_CHARS_MAX or not _EMAIL.fullmatch(email):
        raise invalid("Unable to validate email address: invalid format")
    return email.lower()


def check_password(password: str, length_min: int) -> None:
    """Raises `Refused` for a password that is too weak or too long."""
    if len(password.encode(errors="surrogatepass")) > _PASSWORD_BYTES_MAX:
        raise Refused(
            BAD,
            "validation_failed",
            f"Password cannot be longer than {_PASSWORD_BYTES_MAX} characters",
        )
    if len(password) < length_min:
        message = f"Password should be at least {length_min} characters."
        more = {"weak_password": {"reasons": ["length"]}}
        raise Refused(UNPROCESSABLE, "weak_password", message, more)


def stamp(at_s: float) -> str:
    """A time as Go writes it."""
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def _seeded(user: User) -> Account:
    account = Account(
        user.id,
        _SEEDED_S,
        _SEEDED_S,
        password=user.password,
        role=user.role,
        app_metadata=dict(user.app_metadata),
        user_metadata=dict(user.user_metadata),
    )
    if user.email:
        account.identify(user.email.lower(), user.confirmed, _SEEDED_S)
        account.app_metadata |= user.app_metadata
    if user.confirmed:
        account.confirmed_s = _SEEDED_S
    return account
