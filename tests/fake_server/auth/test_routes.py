"""Signing in over HTTP: passwords, refresh tokens that are used once, sessions that end."""

from __future__ import annotations

import httpx
import jwt
import pytest
from supabase import AsyncClientOptions, create_async_client

from fake_server import FakeServer
from tests.fake_server.auth.asking import ADA, ADA_ID, call, sign_in
from tests.fake_server.stage import simulated, stage


@simulated
async def test_a_password_buys_a_token_that_the_server_takes() -> None:
    async with stage() as s:
        session = await sign_in(s)
        claims = jwt.decode(session["access_token"], options={"verify_signature": False})
        assert (claims["sub"], claims["role"]) == (ADA_ID, "authenticated")
        assert session["expires_at"] == claims["exp"] == claims["iat"] + 3600
        user = await call(s, "GET", "user", token=session["access_token"])
        assert (user.status, user.json["email"]) == (200, "ada@example.com")


@simulated
async def test_a_wrong_password_and_an_unknown_user_are_refused_alike() -> None:
    async with stage() as s:
        for wrong in ({**ADA, "password": "x"}, {**ADA, "email": "nobody@example.com"}):
            reply = await call(s, "POST", "token?grant_type=password", wrong)
            code = {"code": 400, "error_code": "invalid_credentials"}
            assert (reply.status, reply.json) == (400, {**code, "msg": "Invalid login credentials"})


@simulated
async def test_what_is_no_request_is_refused_in_words() -> None:
    async with stage() as s:
        assert (await call(s, "GET", "user")).json["error_code"] == "no_authorization"
        assert (await call(s, "GET", "user", token=s.server.apikey)).json["error_code"] == "bad_jwt"
        none = await call(s, "POST", "token", {})
        assert (none.status, none.json["msg"]) == (400, "unsupported_grant_type")
        keyless = await call(s, "GET", "user", apikey="")
        assert (keyless.status, keyless.json["message"]) == (401, "No API key found in request")


@pytest.mark.asyncio
async def test_the_supabase_package_signs_in_refreshes_and_signs_out() -> None:
    server = FakeServer()
    await server.start()
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        client = await create_async_client(server.http_url, server.apikey, options)
        session = (
            await client.auth.sign_in_with_password(
                {"email": "ada@example.com", "password": "correct horse battery staple"}
            )
        ).session
        assert session is not None
        renewed = (await client.auth.refresh_session()).session
        assert renewed is not None
        assert renewed.refresh_token != session.refresh_token
        answer = await client.auth.get_user()
        assert answer is not None
        assert answer.user.id == ADA_ID
        await client.auth.sign_out()
        anonymous = (await client.auth.sign_in_anonymously()).user
        assert anonymous is not None
        assert anonymous.is_anonymous
        await client.auth.sign_out()
    await server.stop()
