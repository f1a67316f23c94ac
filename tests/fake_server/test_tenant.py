"""What changing each setting of the tenant comes to, and what cannot be set."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server import ServerConfig
from fake_server.plans import PLANS, config_for
from fake_server.tenant import FIELDS, BadTenant, changed, current

CONFIG = ServerConfig()
OTHER_SECRET = "another-secret-that-has-at-least-32-characters"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwt_secret", OTHER_SECRET),
        ("jwt_jwks", {"keys": []}),
        ("private_only", True),
        ("suspend", True),
    ],
)
def test_what_concerns_everybody_disconnects_everybody(name: str, value: Any) -> None:
    assert changed(CONFIG, {name: value}).disconnects


def test_every_other_setting_leaves_the_connections_alone() -> None:
    values = {name: True if name == "presence_enabled" else 7 for name in FIELDS}
    for name in ("jwt_secret", "jwt_jwks", "private_only", "suspend"):
        del values[name]
    assert not changed(CONFIG, values).disconnects


def test_a_value_that_is_there_already_changes_nothing() -> None:
    change = changed(CONFIG, {"jwt_secret": CONFIG.jwt_secret, "max_joins_per_second": 100})
    assert (change.config, change.disconnects, change.restarts) == (CONFIG, False, ())


def test_a_new_limit_makes_its_own_counters_begin_anew() -> None:
    assert changed(CONFIG, {"max_joins_per_second": 7}).restarts == ("joins",)
    assert changed(CONFIG, {"max_presence_events_per_second": 7}).restarts == ("presence",)
    events = changed(CONFIG, {"max_events_per_second": 7}).restarts
    assert events == ("events", "changes")
    assert changed(CONFIG, {"max_concurrent_users": 7}).restarts == ()


@pytest.mark.parametrize("value", [None, 0, -1])
def test_no_limit_of_presence_calls_means_the_servers_own(value: int | None) -> None:
    change = changed(CONFIG, {"max_client_presence_events_per_window": value})
    assert change.config.presence_calls_max == 5


def test_the_presence_window_is_in_milliseconds() -> None:
    assert changed(CONFIG, {"client_presence_window_ms": 500}).config.presence_window_s == 0.5
    for value in (None, 0, -1):
        assert changed(CONFIG, {"client_presence_window_ms": value}).config.presence_window_s == 30


def test_the_limit_that_the_real_server_never_looks_at_is_taken() -> None:
    assert changed(CONFIG, {"max_bytes_per_second": 1}).config == CONFIG


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_users": 1}, "'max_users' is no setting of a tenant; there are jwt_secret,"),
        ({"max_concurrent_users": "9"}, "max_concurrent_users: '9' has to be a whole number"),
        ({"max_concurrent_users": True}, "max_concurrent_users: True has to be a whole number"),
        ({"max_concurrent_users": -1}, "users_max: -1 is out of range; it is at least 0"),
        ({"suspend": 1}, "suspend: 1 has to be true or false"),
        ({"jwt_secret": 31}, "jwt_secret: its value has to be text"),
        ({"jwt_secret": "short"}, "jwt_secret: HS256 needs a secret of 32 bytes or more"),
        ({"jwt_jwks": [1]}, "jwt_jwks: its value has to be a key set, or null"),
        ({"jwt_jwks": {}}, "jwt_jwks: its value is no key set"),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadTenant, match=words):
        changed(CONFIG, {"private_only": True, **fields})
    assert not CONFIG.private_only


def test_a_secret_of_the_wrong_kind_is_not_quoted() -> None:
    with pytest.raises(BadTenant) as raised:
        changed(CONFIG, {"jwt_secret": ["hush"]})
    assert "hush" not in str(raised.value)


def test_what_is_set_at_present_can_be_put_back() -> None:
    before = current(CONFIG, FIELDS)
    assert before["client_presence_window_ms"] == 30_000
    new = {"client_presence_window_ms": 500, "suspend": True, "jwt_jwks": {"keys": []}}
    other = changed(CONFIG, {**new, "max_concurrent_users": 1}).config
    assert changed(other, before).config == CONFIG
    with pytest.raises(BadTenant, match="'max_users' is no setting"):
        current(CONFIG, ["max_users"])


def test_the_plans_limit_what_the_documentation_says() -> None:
    free, pro = config_for("free"), config_for("pro", private_only=True)
    assert (free.users_max, free.events_per_s_max, free.joins_per_s_max) == (200, 100, 100)
    assert (free.presence_events_per_s_max, free.payload_kb_max) == (20, 256)
    assert (pro.users_max, pro.events_per_s_max, pro.private_only) == (500, 500, True)
    assert config_for("team") == config_for("enterprise") == config_for("pro_no_spend_cap")


def test_each_plan_can_be_put_on_a_live_tenant() -> None:
    for plan in PLANS:
        assert changed(CONFIG, PLANS[plan]).config == config_for(plan)


def test_an_unknown_plan_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'gold' is no plan; there are free, pro, "):
        config_for("gold")
