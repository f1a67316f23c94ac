"""Sessions: refresh tokens that are used once, what access tokens say, and how sessions end."""

from __future__ import annotations

import asyncio

import pytest

from fake_server.auth import sessions
from tests.fake_server.auth.asking import (
    ADA,
    ADA_ID,
    call,
    claims,
    code,
    post,
    project,
    refresh,
    sign_in,
)
from tests.fake_server.stage import simulated


@simulated
async def test_an_access_token_says_what_the_real_one_says() -> None:
    async with project(token_lifetime_s=60) as s:
        session = await sign_in(s)
        told = claims(session)
        assert (told["sub"], told["role"], told["aud"]) == (
            ADA_ID,
            "authenticated",
            "authenticated",
        )
        assert (told["iss"], told["aal"]) == ("http://server/auth/v1", "aal1")
        assert told["amr"] == [{"method": "password", "timestamp": told["iat"]}]
        assert (told["email"], told["phone"], told["is_anonymous"]) == (ADA["email"], "", False)
        assert session["expires_in"] == 60
        assert session["expires_at"] == told["exp"] == told["iat"] + 60
        assert session["token_type"] == "bearer"


@simulated
async def test_a_refreshed_session_keeps_its_id_and_its_first_proof() -> None:
    async with project() as s:
        first = await sign_in(s)
        await asyncio.sleep(100)
        second = (await refresh(s, first["refresh_token"])).json
        old, new = claims(first), claims(second)
        assert old["session_id"] == new["session_id"]
        assert old["amr"] == new["amr"]
        assert new["iat"] == old["iat"] + 100


@simulated
async def test_an_expired_token_is_no_proof() -> None:
    async with project(token_lifetime_s=60) as s:
        session = await sign_in(s)
        await asyncio.sleep(61)
        reply = await call(s, "GET", "user", token=session["access_token"])
        assert code(reply) == (403, "bad_jwt")
        assert reply.json["msg"].endswith("token has invalid claims: token is expired")


@simulated
async def test_the_last_used_refresh_token_may_come_again_however_late() -> None:
    """Its answer may have been lost: the client gets the same one again."""
    async with project() as s:
        first = (await sign_in(s))["refresh_token"]
        second = (await refresh(s, first)).json["refresh_token"]
        await asyncio.sleep(3600)
        assert (await refresh(s, first)).json["refresh_token"] == second


@simulated
async def test_an_older_one_may_within_the_reuse_interval() -> None:
    async with project() as s:
        first = (await sign_in(s))["refresh_token"]
        second = (await refresh(s, first)).json["refresh_token"]
        third = (await refresh(s, second)).json["refresh_token"]
        again = (await refresh(s, first)).json["refresh_token"]
        assert again not in (first, second, third)
        assert (await refresh(s, third)).status == 200


@simulated
async def test_after_it_an_older_one_uses_up_all_of_them() -> None:
    async with project(refresh_token_reuse_s=10) as s:
        session = await sign_in(s)
        first = session["refresh_token"]
        second = (await refresh(s, first)).json["refresh_token"]
        third = (await refresh(s, second)).json["refresh_token"]
        await asyncio.sleep(11)
        assert code(await refresh(s, first)) == (400, "refresh_token_already_used")
        await asyncio.sleep(11)
        assert code(await refresh(s, third)) == (400, "refresh_token_already_used")
        assert (await call(s, "GET", "user", token=session["access_token"])).status == 200


@simulated
async def test_the_tokens_of_a_session_that_ended_are_unknown() -> None:
    async with project() as s:
        session = await sign_in(s)
        await call(s, "POST", "logout", token=session["access_token"])
        assert code(await refresh(s, session["refresh_token"])) == (400, "refresh_token_not_found")


@simulated
async def test_there_are_bounds() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "SESSIONS_MAX", 2)
        patch.setattr(sessions, "_REFRESH_TOKENS_MAX", 2)
        async with project() as s:
            tokens = [(await sign_in(s))["refresh_token"]]
            await sign_in(s)
            for _ in range(2):
                tokens.append((await refresh(s, tokens[-1])).json["refresh_token"])
            assert code(await refresh(s, tokens[0])) == (400, "refresh_token_not_found")
            full = await post(s, "token?grant_type=password", ADA)
            assert code(full) == (429, "over_request_rate_limit")
