"""Asking the sign-in of a server on a virtual stage."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import jwt

from fake_server.schema import default_schema
from fake_server.sign_in import SignIn
from tests.fake_server.http_client import Reply, ask
from tests.fake_server.stage import Stage, stage

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
ADA_ID = "11111111-1111-4111-8111-111111111111"
BOB = {"email": "bob@new.example", "password": "swordfish"}


def project(**settings: Any) -> AbstractAsyncContextManager[Stage]:
    """A server whose `[auth]` has these settings."""
    schema = replace(default_schema(), sign_in=SignIn(**settings))
    return stage(schema=schema)


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


async def post(s: Stage, path: str, body: Any = None, **more: Any) -> Reply:
    return await call(s, "POST", path, {} if body is None else body, **more)


async def admin(s: Stage, method: str, path: str, body: Any = None) -> Reply:
    """Ask with the key of the service."""
    return await call(
        s, method, path, body, token=s.server.token("service", "service", role="service_role")
    )


def claims(session: Any) -> Any:
    """What the access token of a session says."""
    return jwt.decode(session["access_token"], options={"verify_signature": False})


def code(reply: Reply) -> tuple[int, Any]:
    """The status and the error code of a refusal."""
    return reply.status, reply.json.get("error_code")


def last_mail(s: Stage) -> Any:
    """What was mailed last."""
    return s.server.truth()["mails"][-1]
