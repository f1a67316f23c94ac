"""Whether a WebSocket upgrade is accepted: paths, tenant, version, key; and how it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from fake_server.config import ServerConfig
from fake_server.elixir import inspect
from fake_server.http.message import subdomain
from fake_server.limits import Limits
from fake_server.switches.thrown import Switches
from fake_server.tokens import TokenRefused, holder, verify
from harness.protocol import Codec, UnsupportedVersion, codec_for

_GATEWAY_PATH = ["realtime", "v1", "websocket"]
_SERVER_PATH = ["socket", "websocket"]
_JSON = "application/json; charset=utf-8"
_TOKENS = {"connection": "upgrade", "upgrade": "websocket"}
"""The headers of an upgrade that are lists, and what has to be in them."""
_KEY, _VERSION = "sec-websocket-key", "sec-websocket-version"


CONNECT_ERRORS: Mapping[str, HTTPStatus] = {
    "Error connecting to Realtime": HTTPStatus.INTERNAL_SERVER_ERROR,
    "Too many connected users": HTTPStatus.TOO_MANY_REQUESTS,
    "Too many joins per second": HTTPStatus.TOO_MANY_REQUESTS,
    "Tenant not found": HTTPStatus.NOT_FOUND,
    "Realtime was disabled for this tenant": HTTPStatus.FORBIDDEN,
    "Token has expired": HTTPStatus.UNAUTHORIZED,
    "Failed to validate JWT signature": HTTPStatus.UNAUTHORIZED,
    "The token provided is not a valid JWT": HTTPStatus.UNAUTHORIZED,
}
"""How the real server refuses connections, and with which status (`protocol.md §1.3`)."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a client asks for; header names in lower case."""

    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    version: str = "1.1"
    """Of HTTP."""

    @classmethod
    def of(cls, target: str, headers: Mapping[str, str], version: str = "1.1") -> Upgrade:
        """Read the target of a request line; of repeated parameters the last wins, as in Plug."""
        path, _, query = target.partition("?")
        return cls(path, dict(parse_qsl(query, keep_blank_values=True)), headers, version)

    @property
    def key(self) -> str | None:
        """The API key: the header wins over the query (`protocol.md §1.1`)."""
        return self.headers.get("x-api-key", self.query.get("apikey"))


@dataclass(frozen=True, slots=True)
class Admission:
    """The upgrade may go on."""

    codec: Codec
    token: str = field(repr=False)
    client: str | None
    """The `sub` of the key, if it has one."""


@dataclass(eq=False)
class Refusal(Exception):
    """The upgrade is answered with plain HTTP, after a delay."""

    status: int
    body: str = ""
    content_type: str | None = None
    delay_s: float = 0.0
    retry_after_s: int | None = None
    client: str | None = None
    is_routing: bool = False
    """Answered by the router, which adds a request id."""


def admit(
    upgrade: Upgrade, config: ServerConfig, switches: Switches, limits: Limits, now_s: float
) -> Admission:
    """Check an upgrade in the order of `protocol.md §1.2`; raises `Refusal`."""
    if switches.refuses:
        client = holder(upgrade.key, config.jwt_secret, config.jwks)
        refusal = switches.refusal(client)
        if refusal is not None and refusal.error is not None:
            raise _late(HTTPStatus(refusal.status), refusal.error, upgrade, config)
        if refusal is not None:
            raise Refusal(
                refusal.status,
                delay_s=refusal.delay_s,
                retry_after_s=refusal.retry_after_s,
                client=client,
            )
    tenant_known = _check_path(upgrade, config)
    try:
        codec = codec_for(upgrade.query.get("vsn", "1.0.0"))
    except UnsupportedVersion:
        raise Refusal(HTTPStatus.FORBIDDEN) from None
    if not tenant_known or switches.tenant_is_deleted:
        raise _late(HTTPStatus.NOT_FOUND, "Tenant not found", upgrade, config)
    if config.suspended:
        text = "Realtime was disabled for this tenant"
        raise _late(HTTPStatus.FORBIDDEN, text, upgrade, config)
    admission = _check_key(upgrade, codec, config, now_s)
    _check_limits(upgrade, config, limits, now_s)
    return admission


def admit_upgrade(
    upgrade: Upgrade, config: ServerConfig, switches: Switches, limits: Limits, now_s: float
) -> Admission:
    """The same for a WebSocket, whose headers are looked at last; raises `Refusal`."""
    admission = admit(upgrade, config, switches, limits, now_s)
    mistake = _mistake(upgrade)
    if mistake is not None:
        raise Refusal(HTTPStatus.BAD_REQUEST, mistake)
    return admission


def _check_path(upgrade: Upgrade, config: ServerConfig) -> bool:
    """Whether the tenant is known; raises for a path that leads nowhere."""
    named = subdomain(upgrade.headers.get("host", "")) == config.tenant
    parts = [part for part in upgrade.path.split("/") if part]
    if parts == _SERVER_PATH:
        return named
    if parts == _GATEWAY_PATH and not named:
        return True
    html = "text/html; charset=utf-8"
    raise Refusal(HTTPStatus.NOT_FOUND, "Not Found", html, is_routing=True)


def _check_key(upgrade: Upgrade, codec: Codec, config: ServerConfig, now_s: float) -> Admission:
    key = upgrade.key
    if key is None:
        raise _late(HTTPStatus.UNAUTHORIZED, "API key is missing", upgrade, config)
    try:
        claims = verify(key, *config.trust(now_s))
    except TokenRefused as refused:
        raise _late(refused.status, refused.at_connect, upgrade, config) from None
    return Admission(codec, key, claims.sub)


def _check_limits(upgrade: Upgrade, config: ServerConfig, limits: Limits, now_s: float) -> None:
    too_many = HTTPStatus.TOO_MANY_REQUESTS
    if len(limits.users) >= config.users_max:
        raise _late(too_many, "Too many connected users", upgrade, config)
    if limits.joins.reached(now_s, config.joins_per_s_max):
        raise _late(too_many, "Too many joins per second", upgrade, config)


def _mistake(upgrade: Upgrade) -> str | None:
    """What websock_adapter 0.5.8 finds wrong with an upgrade, in its order and words."""
    if upgrade.version != "1.1":
        return f"HTTP version HTTP/{upgrade.version} unsupported"
    for name, token in _TOKENS.items():
        got = _got(upgrade, name)
        if token not in (part.strip().lower() for value in got for part in value.split(",")):
            return f"'{name}' header must contain '{token}', got {inspect(got)}"
    if not _got(upgrade, _KEY):
        return f"'{_KEY}' header is absent"
    got = _got(upgrade, _VERSION)
    return None if got == ["13"] else f"'{_VERSION}' header must equal '13', got {inspect(got)}"


def _got(upgrade: Upgrade, name: str) -> list[str]:
    return [upgrade.headers[name]] if name in upgrade.headers else []


def _late(status: HTTPStatus, text: str, upgrade: Upgrade, config: ServerConfig) -> Refusal:
    body = json.dumps({"error": text}, separators=(",", ":"))
    client = holder(upgrade.key, config.jwt_secret, config.jwks)
    return Refusal(status, body, _JSON, config.connect_error_delay_s, client=client)
