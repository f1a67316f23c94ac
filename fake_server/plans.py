"""The hosted plans as settings of a tenant (`protocol.md §7.1`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fake_server.config import ServerConfig
from fake_server.tenant import changed


def _plan(users: int, per_second: int, presence: int, payload_kb: int) -> dict[str, int]:
    return {
        "max_concurrent_users": users,
        "max_events_per_second": per_second,
        "max_joins_per_second": per_second,
        "max_channels_per_client": 100,
        "max_presence_events_per_second": presence,
        "max_client_presence_events_per_window": 5,
        "max_payload_size_in_kb": payload_kb,
    }


PLANS: Mapping[str, Mapping[str, int]] = {
    "free": _plan(200, 100, 20, 256),
    "pro": _plan(500, 500, 50, 3000),
    "pro_no_spend_cap": _plan(10_000, 2500, 1000, 3000),
    "team": _plan(10_000, 2500, 1000, 3000),
    "enterprise": _plan(10_000, 2500, 1000, 3000),
}
"""By name; `FakeServer.update_tenant(**PLANS["pro"])` puts the tenant on one."""


def config_for(plan: str, **settings: Any) -> ServerConfig:
    """A server whose tenant is on this plan, with these settings of `ServerConfig` beside it.

    Raises `ValueError` for a plan that does not exist.
    """
    if plan not in PLANS:
        raise ValueError(f"{plan!r} is no plan; there are {', '.join(PLANS)}")
    return changed(ServerConfig(**settings), PLANS[plan]).config
