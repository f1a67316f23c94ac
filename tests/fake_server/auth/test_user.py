"""What a user may see and change of itself, and signing out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fake_server.auth.asking import (
    ADA,
    ADA_ID,
    BOB,
    call,
    code,
    last_mail,
    post,
    project,
    refresh,
    sign_in,
)
from tests.fake_server.stage import Stage, in_simulation, simulated


async def update(s: Stage, session: Any, body: Any) -> Any:
    return await call(s, "PUT", "user", body, token=session["access_token"])


@simulated
async def test_metadata_are_merged_and_null_takes_away() -> None:
    async with project() as s:
        session = await sign_in(s)
        await update(s, session, {"data": {"a": 1, "b": 2}})
        user = (await update(s, session, {"data": {"a": None, "c": 3}})).json
        assert (user["user_metadata"].get("a"), user["user_metadata"]["c"]) == (None, 3)
        seen = (await call(s, "GET", "user", token=session["access_token"])).json
        assert seen["user_metadata"] == user["user_metadata"]
        renewed = (await refresh(s, session["refresh_token"])).json
        assert renewed["user"]["user_metadata"]["b"] == 2


@simulated
async def test_a_new_password_ends_the_other_sessions() -> None:
    async with project() as s:
        here, there = await sign_in(s), await sign_in(s)
        same = await update(s, here, {"password": ADA["password"]})
        assert code(same) == (422, "same_password")
        assert (await update(s, here, {"password": "another one"})).status == 200
        assert code(await refresh(s, there["refresh_token"])) == (400, "refresh_token_not_found")
        assert (await refresh(s, here["refresh_token"])).status == 200
        assert code(await post(s, "token?grant_type=password", ADA))[0] == 400


@simulated
async def test_a_new_email_is_confirmed_from_both() -> None:
    async with project() as s:
        session = await sign_in(s)
        user = (await update(s, session, {"email": BOB["email"]})).json
        assert (user["email"], user["new_email"]) == (ADA["email"], BOB["email"])
        old, new = s.server.truth()["mails"]
        assert (old["to"], new["to"]) == (ADA["email"], BOB["email"])
        half = await post(s, "verify", _proof(old))
        assert half.json["code"] == "200"
        assert "Confirmation link accepted" in half.json["msg"]
        changed = (await post(s, "verify", _proof(new))).json["user"]
        assert (changed["email"], changed["id"]) == (BOB["email"], ADA_ID)
        assert "new_email" not in changed
        assert changed["identities"][0]["email"] == BOB["email"]
        assert (await post(s, "token?grant_type=password", ADA)).status == 400


@simulated
async def test_or_from_the_new_one_alone() -> None:
    async with project(secure_email_change=False) as s:
        session = await sign_in(s)
        await update(s, session, {"email": BOB["email"]})
        assert len(s.server.truth()["mails"]) == 1
        assert (await post(s, "verify", _proof(last_mail(s)))).json["user"]["email"] == BOB["email"]


def _proof(mail: Any) -> Any:
    return {"type": "email_change", "email": mail["to"], "token": mail["code"]}


@simulated
async def test_an_anonymous_user_becomes_one_with_a_name() -> None:
    async with project() as s:
        session = (await post(s, "signup", {})).json
        early = await update(s, session, {"password": BOB["password"]})
        assert code(early) == (422, "validation_failed")
        user = (await update(s, session, BOB)).json
        assert (user["id"], user["is_anonymous"]) == (session["user"]["id"], False)
        assert user["email"] == BOB["email"]
        assert (await post(s, "token?grant_type=password", BOB)).json["user"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "x"}, (400, "validation_failed")),
        ({"email": "alan@example.com", "password": "12345678"}, (422, "email_exists")),
        ({"password": "1"}, (422, "weak_password")),
        ({"app_metadata": {"admin": True}, "data": {"a": 1}}, (403, "not_admin")),
        ({"data": 7}, (400, "bad_json")),
    ],
)
def test_a_refused_change_changes_nothing(body: Any, expected: tuple[int, str]) -> None:
    async def story() -> None:
        async with project() as s:
            await post(s, "signup", {"email": "alan@example.com", "password": "xxxxxxxx"})
            session = await sign_in(s)
            before = (await call(s, "GET", "user", token=session["access_token"])).json
            assert code(await update(s, session, body)) == expected
            after = (await call(s, "GET", "user", token=session["access_token"])).json
            assert before == after
            assert (await post(s, "token?grant_type=password", ADA)).status == 200

    in_simulation(story)


@pytest.mark.parametrize(
    ("scope", "here_lives", "there_lives"),
    [("global", False, False), ("local", False, True), ("others", True, False), ("", False, False)],
)
def test_signing_out_ends_what_its_scope_says(
    scope: str, here_lives: bool, there_lives: bool
) -> None:
    async def story() -> None:
        async with project() as s:
            here, there = await sign_in(s), await sign_in(s)
            bob = (await post(s, "signup", BOB)).json
            query = f"?scope={scope}" if scope else ""
            reply = await call(s, "POST", f"logout{query}", token=here["access_token"])
            assert (reply.status, reply.body) == (204, b"")
            for session, lives in ((here, here_lives), (there, there_lives), (bob, True)):
                seen = await call(s, "GET", "user", token=session["access_token"])
                assert (seen.status == 200) is lives
                assert lives or code(seen) == (403, "session_not_found")

    in_simulation(story)


@simulated
async def test_a_token_without_a_session_names_a_user_all_the_same() -> None:
    async with project() as s:
        assert (await call(s, "GET", "user", token=s.server.token(ADA_ID, "t"))).status == 200
        stranger = "99999999-9999-4999-8999-999999999999"
        gone = await call(s, "GET", "user", token=s.server.token(stranger, "t"))
        assert code(gone) == (403, "user_not_found")
        odd = await call(s, "GET", "user", token=s.server.token("ada", "t"))
        assert code(odd) == (400, "bad_jwt")
        await asyncio.sleep(0)


@simulated
async def test_identities_are_not_linked_by_hand() -> None:
    async with project() as s:
        session = await sign_in(s)
        reply = await call(s, "DELETE", f"user/identities/{ADA_ID}", token=session["access_token"])
        assert code(reply) == (404, "manual_linking_disabled")
