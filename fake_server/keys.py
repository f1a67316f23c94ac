"""The keys and tokens of one tenant: what `create_client` takes, and what its users hold."""

from __future__ import annotations

from collections.abc import Callable

from fake_server.config import ServerConfig
from fake_server.tokens import sign

_KEY_LIFETIME_S = 10 * 365 * 24 * 3600


class Keys:
    """Signs for a tenant, with the secret that it has at the time and the claims that it wants."""

    def __init__(self, config: Callable[[], ServerConfig], now_s: Callable[[], float]) -> None:
        self._config = config
        self._now_s = now_s

    @property
    def apikey(self) -> str:
        """The anonymous API key, good for ten years."""
        return self._sign("anon", _KEY_LIFETIME_S, jti="apikey")

    def key(self, sub: str) -> str:
        """An anonymous API key that names its holder."""
        return self._sign("anon", _KEY_LIFETIME_S, sub=sub, jti=f"apikey-{sub}")

    def token(self, sub: str, token_id: str, lifetime_s: float, role: str) -> str:
        """An access token whose `jti` is `token_id`."""
        return self._sign(role, lifetime_s, sub=sub, jti=token_id)

    def _sign(self, role: str, lifetime_s: float, **claims: str) -> str:
        config, issued_s = self._config(), int(self._now_s())
        times = {"iat": issued_s, "exp": issued_s + round(lifetime_s)}
        said = {"iss": "supabase", **config.jwt_claim_validators, "role": role, **times, **claims}
        return sign(said, config.jwt_secret)
