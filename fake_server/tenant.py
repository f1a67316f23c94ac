"""The tenant's settings by the names of the real server's API, and what changing each one does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fake_server.config import ServerConfig
from fake_server.jwks import KeySet

_PRESENCE_CALLS_MAX = 5
_PRESENCE_WINDOW_MS = 30_000


class BadTenant(ValueError):
    """A setting of the tenant that does not exist or cannot have this value."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an update of the tenant comes to."""

    config: ServerConfig
    """The settings from now on."""
    disconnects: bool
    """Every channel's socket is closed (`protocol.md §9`, no. 2)."""
    restarts: tuple[str, ...]
    """The counters of `limits.Limits` that begin anew (no. 3)."""


@dataclass(frozen=True, slots=True)
class _Field:
    setting: str | None
    """What `ServerConfig` calls it; None is a setting that the real server never looks at."""
    read: Callable[[Any], Any]
    """Turns the value of the API into the setting's. Raises `ValueError`, saying the rule."""
    disconnects: bool = False
    restarts: tuple[str, ...] = ()
    write: Callable[[Any], Any] = lambda value: value
    """Turns the setting's value into the API's, the other way round."""


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("has to be a whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("has to be true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("has to be text")
    return value


def _key_set(value: Any) -> KeySet | None:
    if value is None or isinstance(value, KeySet):
        return value
    if not isinstance(value, dict):
        raise ValueError("has to be a key set, or null")
    try:
        return KeySet.of(value)
    except ValueError as error:
        raise ValueError(f"is no key set ({error})") from None


def _calls(value: Any) -> int:
    return _PRESENCE_CALLS_MAX if value is None or _whole(value) <= 0 else int(value)


def _window_s(value: Any) -> float:
    return (_PRESENCE_WINDOW_MS if value is None or _whole(value) <= 0 else int(value)) / 1000


FIELDS: dict[str, _Field] = {
    "jwt_secret": _Field("jwt_secret", _text, disconnects=True),
    "jwt_jwks": _Field("jwks", _key_set, disconnects=True),
    "private_only": _Field("private_only", _flag, disconnects=True),
    "suspend": _Field("suspended", _flag, disconnects=True),
    "presence_enabled": _Field("presence_enabled", _flag),
    "max_concurrent_users": _Field("users_max", _whole),
    "max_channels_per_client": _Field("channels_per_client_max", _whole),
    "max_payload_size_in_kb": _Field("payload_kb_max", _whole),
    "max_joins_per_second": _Field("joins_per_s_max", _whole, restarts=("joins",)),
    "max_events_per_second": _Field("events_per_s_max", _whole, restarts=("events", "changes")),
    "max_presence_events_per_second": _Field(
        "presence_events_per_s_max", _whole, restarts=("presence",)
    ),
    "max_client_presence_events_per_window": _Field("presence_calls_max", _calls),
    "client_presence_window_ms": _Field(
        "presence_window_s", _window_s, write=lambda value_s: round(value_s * 1000)
    ),
    "max_bytes_per_second": _Field(None, _whole),
}
"""The fields of `protocol.md §7.2`."""


def changed(config: ServerConfig, fields: Mapping[str, Any]) -> Change:
    """What setting these fields does; a value that is there already does nothing.

    Raises `BadTenant` for a field that does not exist and for a value that it cannot have.
    """
    settings: dict[str, Any] = {}
    disconnects, restarts = False, dict[str, None]()
    for name, given in fields.items():
        field, value = _read(name, given)
        if field.setting is None or value == getattr(config, field.setting):
            continue
        settings[field.setting] = value
        disconnects |= field.disconnects
        restarts.update(dict.fromkeys(field.restarts))
    try:
        return Change(replace(config, **settings), disconnects, tuple(restarts))
    except ValueError as error:
        raise BadTenant(str(error)) from None


def current(config: ServerConfig, names: Iterable[str]) -> dict[str, Any]:
    """What these fields have at present, so that `changed` can put it back. Raises `BadTenant`."""
    found: dict[str, Any] = {}
    for name in names:
        field = _field(name)
        if field.setting is not None:
            found[name] = field.write(getattr(config, field.setting))
    return found


def _field(name: str) -> _Field:
    if name not in FIELDS:
        raise BadTenant(f"{name!r} is no setting of a tenant; there are {', '.join(FIELDS)}")
    return FIELDS[name]


def _read(name: str, given: Any) -> tuple[_Field, Any]:
    field = _field(name)
    try:
        return field, field.read(given)
    except ValueError as error:
        # A secret stays one, even one of the wrong type.
        shown = "its value" if name.startswith("jwt_") else repr(given)
        raise BadTenant(f"{name}: {shown} {error}") from None
