"""What the key of the service may do with users, and nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fake_server.auth.asking import (
    ADA,
    ADA_ID,
    BOB,
    admin,
    call,
    code,
    last_mail,
    post,
    project,
    refresh,
    sign_in,
)
from tests.fake_server.stage import in_simulation, simulated

UNKNOWN = "99999999-9999-4999-8999-999999999999"


@simulated
async def test_only_the_key_of_the_service_may() -> None:
    async with project() as s:
        session = await sign_in(s)
        reply = await call(s, "GET", "admin/users", token=session["access_token"])
        assert code(reply) == (403, "not_admin")
        assert code(await call(s, "GET", "admin/users")) == (401, "no_authorization")


@simulated
async def test_users_are_listed_by_page_the_youngest_first() -> None:
    async with project() as s:
        for number in range(3):
            await post(s, "signup", {**BOB, "email": f"b{number}@new.example"})
            await asyncio.sleep(1)
        page = await admin(s, "GET", "admin/users?page=1&per_page=2")
        assert [user["email"] for user in page.json["users"]] == [
            "b2@new.example",
            "b1@new.example",
        ]
        assert (page.headers["x-total-count"], page.json["aud"]) == ("5", "authenticated")
        assert page.headers["link"].startswith('</admin/users?page=2&per_page=2>; rel="next"')
        all_of_them = await admin(s, "GET", "admin/users?page=&per_page=")
        assert len(all_of_them.json["users"]) == 5
        assert (await admin(s, "GET", "admin/users?page=9")).json["users"] == []
        assert code(await admin(s, "GET", "admin/users?page=x")) == (400, "validation_failed")


@simulated
async def test_a_user_is_made_seen_changed_and_deleted() -> None:
    async with project() as s:
        made = {**BOB, "email_confirm": True, "user_metadata": {"n": 1}, "app_metadata": {"a": 1}}
        user = (await admin(s, "POST", "admin/users", made)).json
        assert user["app_metadata"] == {"provider": "email", "providers": ["email"], "a": 1}
        session = (await post(s, "token?grant_type=password", BOB)).json
        path = f"admin/users/{user['id']}"
        assert (await admin(s, "GET", path)).json["email"] == BOB["email"]
        body = {"email": "bobby@new.example", "role": "editor", "user_metadata": {"n": 2}}
        changed = (await admin(s, "PUT", path, body)).json
        assert (changed["email"], changed["role"]) == ("bobby@new.example", "editor")
        assert changed["user_metadata"]["n"] == 2
        assert (await admin(s, "DELETE", path, {"should_soft_delete": False})).json == {}
        assert code(await admin(s, "GET", path)) == (404, "user_not_found")
        assert code(await refresh(s, session["refresh_token"])) == (400, "refresh_token_not_found")
        gone = await call(s, "GET", "user", token=session["access_token"])
        assert code(gone) == (403, "user_not_found")


@simulated
async def test_a_new_user_is_not_confirmed_unless_the_request_says_so() -> None:
    async with project() as s:
        await admin(s, "POST", "admin/users", BOB)
        reply = await post(s, "token?grant_type=password", BOB)
        assert code(reply) == (400, "email_not_confirmed")


@simulated
async def test_a_soft_deletion_keeps_the_id_and_frees_the_email() -> None:
    async with project() as s:
        path = f"admin/users/{ADA_ID}"
        await admin(s, "DELETE", path, {"should_soft_delete": True})
        assert (await admin(s, "GET", path)).json["deleted_at"]
        assert (await post(s, "token?grant_type=password", ADA)).status == 400
        assert (await post(s, "signup", ADA)).status == 200


@simulated
async def test_a_banned_user_can_neither_sign_in_nor_refresh() -> None:
    async with project() as s:
        session = await sign_in(s)
        banned = await admin(s, "PUT", f"admin/users/{ADA_ID}", {"ban_duration": "1h30m"})
        assert banned.json["banned_until"]
        assert code(await post(s, "token?grant_type=password", ADA)) == (400, "user_banned")
        assert code(await refresh(s, session["refresh_token"])) == (400, "user_banned")
        await asyncio.sleep(5401)
        assert (await refresh(s, session["refresh_token"])).status == 200
        await admin(s, "PUT", f"admin/users/{ADA_ID}", {"ban_duration": "24h"})
        await admin(s, "PUT", f"admin/users/{ADA_ID}", {"ban_duration": "none"})
        assert (await post(s, "token?grant_type=password", ADA)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "admin/users/7", None, (404, "validation_failed")),
        ("GET", f"admin/users/{UNKNOWN}", None, (404, "user_not_found")),
        ("POST", "admin/users", {}, (400, "validation_failed")),
        ("POST", "admin/users", ADA, (422, "email_exists")),
        ("POST", "admin/users", {**BOB, "id": "7"}, (400, "validation_failed")),
        ("POST", "admin/users", {**BOB, "id": ADA_ID}, (400, "validation_failed")),
        ("POST", "admin/users", {**BOB, "ban_duration": "soon"}, (400, "validation_failed")),
        ("POST", "admin/users", {**BOB, "ban_duration": "1" * 10**6}, (400, "validation_failed")),
        ("PUT", f"admin/users/{ADA_ID}", {"password": "1"}, (422, "weak_password")),
        ("PUT", f"admin/users/{ADA_ID}", [], (400, "bad_json")),
        ("POST", "invite", {"email": ADA["email"]}, (422, "email_exists")),
        ("POST", "admin/generate_link", {"type": "x", **ADA}, (400, "validation_failed")),
        ("POST", "admin/generate_link", {"type": "signup", **ADA}, (422, "email_exists")),
        ("POST", "admin/generate_link", {"type": "recovery", **BOB}, (404, "user_not_found")),
    ],
)
def test_what_cannot_be_is_refused(
    method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    async def story() -> None:
        async with project() as s:
            assert code(await admin(s, method, path, body)) == expected
            assert (await admin(s, "GET", "admin/users")).headers["x-total-count"] == "2"
            assert (await post(s, "token?grant_type=password", ADA)).status == 200

    in_simulation(story)


@simulated
async def test_an_invited_stranger_is_in_by_the_mail() -> None:
    async with project() as s:
        user = (await admin(s, "POST", "invite", {"email": BOB["email"], "data": {"n": 1}})).json
        assert user["invited_at"]
        mail = last_mail(s)
        proof = {"type": "invite", "email": mail["to"], "token": mail["code"]}
        assert (await post(s, "verify", proof)).json["user"]["id"] == user["id"]


@pytest.mark.parametrize(
    ("type_", "body", "verify_type"),
    [
        ("magiclink", {"email": ADA["email"]}, "magiclink"),
        ("recovery", {"email": ADA["email"]}, "recovery"),
        ("signup", BOB, "signup"),
        ("invite", {"email": BOB["email"]}, "invite"),
        ("magiclink", {"email": BOB["email"]}, "signup"),
    ],
)
def test_a_generated_link_is_good_and_not_sent(type_: str, body: Any, verify_type: str) -> None:
    async def story() -> None:
        async with project() as s:
            made = (await admin(s, "POST", "admin/generate_link", {"type": type_, **body})).json
            assert (made["verification_type"], made["email"]) == (verify_type, body["email"])
            assert f"token={made['hashed_token']}" in made["action_link"]
            assert s.server.truth()["mails"] == []
            proof = {"type": verify_type, "email": made["email"], "token": made["email_otp"]}
            assert (await post(s, "verify", proof)).status == 200

    in_simulation(story)


@simulated
async def test_links_for_a_new_email_are_for_each_side() -> None:
    async with project() as s:
        body = {"email": ADA["email"], "new_email": BOB["email"]}
        sides = {}
        for side, email in (("current", ADA["email"]), ("new", BOB["email"])):
            made = await admin(
                s, "POST", "admin/generate_link", {**body, "type": f"email_change_{side}"}
            )
            sides[email] = made.json["email_otp"]
        proofs = [
            {"type": "email_change", "email": email, "token": token}
            for email, token in sides.items()
        ]
        assert "msg" in (await post(s, "verify", proofs[0])).json
        assert (await post(s, "verify", proofs[1])).json["user"]["email"] == BOB["email"]
