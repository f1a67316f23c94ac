"""How often sign-in may be asked, where the project limits it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fake_server.auth.errors import Refused
from fake_server.auth.rates import Rates
from fake_server.http import Request
from tests.fake_server.auth.asking import ADA, admin, code, post, project
from tests.fake_server.stage import simulated


def spent(rates: Rates, kind: str, now_s: float, address: str = "") -> int:
    """How many calls of a kind pass at once."""
    request = Request("POST", "/", {"x-forwarded-for": address})
    for count in range(1000):
        try:
            rates.spend(kind, request, now_s)
        except Refused:
            return count
    return 1000


def test_a_bucket_holds_a_burst_and_fills_with_time() -> None:
    rates = Rates({"token_refresh": 150})
    assert spent(rates, "token_refresh", 0.0) == 30
    assert spent(rates, "token_refresh", 10.0) == 5
    assert spent(rates, "token_refresh", 1e6) == 30


def test_each_address_has_its_own_bucket() -> None:
    rates = Rates({"token_verifications": 30})
    assert spent(rates, "token_verifications", 0.0, "1.1.1.1, 9.9.9.9") == 30
    assert spent(rates, "token_verifications", 0.0, "1.1.1.1") == 0
    assert spent(rates, "token_verifications", 0.0, "2.2.2.2") == 30


def test_what_is_not_limited_is_not() -> None:
    assert spent(Rates({}), "token_refresh", 0.0) == 1000


@simulated
async def test_who_asks_too_often_is_told_so() -> None:
    async with project(rate_limits={"anonymous_users": 2}) as s:
        replies = [code(await post(s, "signup")) for _ in range(3)]
        assert replies == [(200, None), (200, None), (429, "over_request_rate_limit")]
        await asyncio.sleep(1801)
        assert (await post(s, "signup")).status == 200


@simulated
async def test_mails_are_limited_for_all_together() -> None:
    async with project(rate_limits={"email_sent": 1}) as s:
        assert (await post(s, "otp", {"email": ADA["email"]})).status == 200
        reply = await post(s, "otp", {"email": "someone@else.example"})
        assert code(reply) == (429, "over_email_send_rate_limit")
        users = (await admin(s, "GET", "admin/users")).json["users"]
        assert "someone@else.example" not in [user["email"] for user in users]


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"rate_limits": {"x": 1}}, "'x' is no rate limit"),
        ({"rate_limits": {"email_sent": 0}}, "email_sent 0 is out of range"),
        ({"code_length": 4}, "code_length: 4 is out of range"),
        ({"token_lifetime_s": 0}, "token_lifetime_s: 0 is out of range; it is at least 1"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        project(**settings)
