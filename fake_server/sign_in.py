"""How the users of a project sign in: what its `[auth]` settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

RATE_LIMITS = (
    "token_refresh",
    "sign_in_sign_ups",
    "token_verifications",
    "anonymous_users",
    "email_sent",
)
"""What can be limited, by the names of the real settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The settings of sign-in; the defaults are those of a new project, without its rate limits.

    Raises `ValueError`, naming the setting and the rule, for a value that cannot work.
    """

    token_lifetime_s: int = 3600
    """How long an access token is good."""
    refresh_token_reuse_s: int = 10
    """How long after its use an old refresh token may be used again."""
    email_confirm: bool = False
    """A sign-up has to be confirmed by mail; else it signs in at once."""
    sign_up: bool = True
    """Strangers may sign up."""
    anonymous: bool = True
    """Anonymous sign-in is on."""
    password_length_min: int = 6
    """The shortest password, in characters."""
    code_lifetime_s: int = 3600
    """How long the code and the link in a mail are good."""
    code_length: int = 6
    """How many digits a code has."""
    mail_interval_s: int = 60
    """How long after a mail the same user can be sent another of its kind."""
    secure_email_change: bool = True
    """A new email has to be confirmed from the old one as well."""
    site_url: str = "http://localhost:3000"
    """Where the links in mails lead in the end."""
    redirect_urls: tuple[str, ...] = ()
    """Other places that they may lead to, with `*` for anything."""
    rate_limits: Mapping[str, int] = field(default_factory=dict)
    """How many calls of a kind one address may make, in 5 minutes or, of anonymous sign-ins and
    mails, in an hour; a kind that is not named is not limited."""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            least = 0 if setting.name in ("refresh_token_reuse_s", "mail_interval_s") else 1
            if isinstance(value, int) and not isinstance(value, bool) and value < least:
                raise ValueError(f"{setting.name}: {value} is out of range; it is at least {least}")
        if not 6 <= self.code_length <= 10:
            raise ValueError(f"code_length: {self.code_length} is out of range; it is 6 to 10")
        for name, limit in self.rate_limits.items():
            if name not in RATE_LIMITS:
                known = ", ".join(RATE_LIMITS)
                raise ValueError(f"rate_limits: {name!r} is no rate limit; there are {known}")
            if limit < 1:
                raise ValueError(f"rate_limits: {name} {limit} is out of range; it is at least 1")
