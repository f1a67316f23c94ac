"""What anybody may ask: whether sign-in is well, how it is set, and the keys of its tokens."""

from __future__ import annotations

from fake_server.auth.errors import BAD, Refused, answer
from fake_server.auth.office import Office
from fake_server.http import Request, Response

_PROVIDERS = (
    *("apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "github", "gitlab"),
    *("google", "keycloak", "kakao", "linkedin", "linkedin_oidc", "nextcloud", "notion"),
    *("spotify", "slack", "slack_oidc", "workos", "twitch", "twitter", "phone", "zoom"),
)


def health(office: Office, request: Request, now_s: float) -> Response:
    """`GET /health`."""
    about = "GoTrue is a user registration and authentication API"
    return answer(200, {"version": "v2.180.0", "name": "GoTrue", "description": about})


def settings(office: Office, request: Request, now_s: float) -> Response:
    """`GET /settings`."""
    external = {"anonymous_users": office.settings.anonymous, **dict.fromkeys(_PROVIDERS, False)}
    return answer(
        200,
        {
            "external": {**external, "email": True},
            "disable_signup": not office.settings.sign_up,
            "mailer_autoconfirm": not office.settings.email_confirm,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        },
    )


def keys(office: Office, request: Request, now_s: float) -> Response:
    """`GET /.well-known/jwks.json`: the public keys; a secret is none."""
    jwks = office.state.config.jwks
    public = [] if jwks is None else jwks.public
    return answer(200, {"keys": public}, {"cache-control": "public, max-age=600"})


def authorize(office: Office, request: Request, now_s: float) -> Response:
    """`GET /authorize`: no provider outside is enabled."""
    message = "Unsupported provider: provider is not enabled"
    raise Refused(BAD, "validation_failed", message)
