"""Signing in over HTTP: passwords, refresh tokens that are used once, sessions that end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import jwt
import pytest
from supabase import AsyncClientOptions, create_async_client

from fake_server import FakeServer
from tests.fake_server.http_client import Reply, ask
from tests.fake_server.stage import Stage, simulated, stage

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
ADA_ID = "11111111-1111-4111-8111-111111111111"


async def call(
    s: Stage, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
) -> Reply:
    given = {"apikey": s.server.apikey, **{k.replace("_", "-"): v for k, v in headers.items()}}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    data = b"" if body is None else json.dumps(body).encode()
    return await ask("server", 4000, method, f"/auth/v1/{path}", given, data)


async def sign_in(s: Stage) -> Any:
    return (await call(s, "POST", "token?grant_type=password", ADA)).json


async def refresh(s: Stage, token: str) -> Reply:
    return await call(s, "POST", "token?grant_type=refresh_token", {"refresh_token": token})


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
async def test_a_refresh_token_is_rotated_and_an_old_one_ends_the_session() -> None:
    async with stage() as s:
        tokens = [(await sign_in(s))["refresh_token"]]
        for _ in range(3):
            tokens.append((await refresh(s, tokens[-1])).json["refresh_token"])
        assert len(set(tokens)) == 4
        assert (await refresh(s, tokens[2])).json["refresh_token"] == tokens[3]
        assert (await refresh(s, tokens[0])).json["refresh_token"] == tokens[3]
        await asyncio.sleep(11)
        assert (await refresh(s, tokens[0])).json["error_code"] == "refresh_token_already_used"
        assert (await refresh(s, tokens[3])).json["error_code"] == "refresh_token_not_found"


@simulated
async def test_sign_out_ends_the_sessions_in_its_scope() -> None:
    async with stage() as s:
        here, there = await sign_in(s), await sign_in(s)
        reply = await call(s, "POST", "logout?scope=others", token=here["access_token"])
        assert reply.status == 204
        gone = await call(s, "GET", "user", token=there["access_token"])
        assert (gone.status, gone.json["error_code"]) == (403, "session_not_found")
        assert (await call(s, "GET", "user", token=here["access_token"])).status == 200


@simulated
async def test_what_is_no_request_is_refused_in_words() -> None:
    async with stage() as s:
        assert (await call(s, "GET", "user")).json["error_code"] == "no_authorization"
        assert (await call(s, "GET", "user", token=s.server.apikey)).json["error_code"] == "bad_jwt"
        assert (await call(s, "POST", "token", [])).json["error_code"] == "bad_json"
        keyless = await call(s, "GET", "user", apikey="")
        assert (keyless.status, keyless.json["message"]) == (401, "No API key found in request")
        version = {"x_supabase_api_version": "2024-01-01"}
        reply = await call(s, "POST", "token?grant_type=refresh_token", {}, **version)
        assert reply.json == {"code": "validation_failed", "message": "refresh_token required"}


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
