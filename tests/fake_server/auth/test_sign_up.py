"""Signing up: at once or by a mail, anonymously, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_server.auth.asking import ADA, BOB, call, claims, code, last_mail, post, project
from tests.fake_server.stage import in_simulation, simulated


@simulated
async def test_a_stranger_is_signed_in_at_once_where_no_mail_confirms() -> None:
    async with project() as s:
        session = (await post(s, "signup", {**BOB, "data": {"team": "red"}})).json
        user = session["user"]
        verified = {"email": BOB["email"], "email_verified": True, "phone_verified": False}
        assert user["user_metadata"] == {**verified, "sub": user["id"], "team": "red"}
        assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
        assert user["email_confirmed_at"] == user["confirmed_at"] == user["last_sign_in_at"]
        [identity] = user["identities"]
        assert (identity["provider"], identity["id"]) == ("email", user["id"])
        assert claims(session)["sub"] == user["id"]
        again = await post(s, "signup", BOB)
        assert code(again) == (422, "user_already_exists")


@simulated
async def test_with_confirmation_the_mail_comes_first() -> None:
    async with project(email_confirm=True) as s:
        user = (await post(s, "signup", BOB)).json
        assert "access_token" not in user
        assert "confirmed_at" not in user
        assert user["confirmation_sent_at"]
        early = await post(s, "token?grant_type=password", BOB)
        assert code(early) == (400, "email_not_confirmed")
        mail = last_mail(s)
        assert (mail["to"], mail["type"], len(mail["code"])) == (BOB["email"], "signup", 6)
        proof = {"type": "signup", "email": BOB["email"], "token": mail["code"]}
        session = (await post(s, "verify", proof)).json
        assert session["user"]["id"] == user["id"]
        assert claims(session)["amr"][0]["method"] == "otp"
        assert (await post(s, "token?grant_type=password", BOB)).status == 200


@simulated
async def test_who_is_known_is_not_told_to_strangers_where_mails_confirm() -> None:
    """The answer looks like that of a new user, but has another id each time and sends nothing."""
    async with project(email_confirm=True) as s:
        shown = [(await post(s, "signup", ADA)).json for _ in range(2)]
        assert shown[0]["id"] != shown[1]["id"]
        assert shown[0]["identities"] == []
        assert s.server.truth()["mails"] == []


@simulated
async def test_nobody_needs_a_name() -> None:
    async with project() as s:
        session = (await post(s, "signup", {"data": {"n": 1}})).json
        user = session["user"]
        assert user["is_anonymous"] is claims(session)["is_anonymous"] is True
        assert (user["email"], user["identities"], user["app_metadata"]) == ("", [], {})
        assert user["user_metadata"] == {"n": 1}
        assert claims(session)["amr"][0]["method"] == "anonymous"


@pytest.mark.parametrize(
    ("settings", "body", "expected"),
    [
        ({}, {"email": "x", "password": "123456"}, (400, "validation_failed")),
        ({}, {"email": BOB["email"]}, (400, "validation_failed")),
        ({}, {**BOB, "password": "12345"}, (422, "weak_password")),
        ({}, {**BOB, "password": "x" * 73}, (400, "validation_failed")),
        ({}, {"phone": "123", "password": "123456"}, (400, "phone_provider_disabled")),
        ({}, {**BOB, "phone": "123"}, (400, "validation_failed")),
        ({}, {**BOB, "email": 7}, (400, "bad_json")),
        ({}, {**BOB, "data": []}, (400, "bad_json")),
        ({}, {**BOB, "code_challenge": "short"}, (400, "validation_failed")),
        ({"sign_up": False}, BOB, (422, "signup_disabled")),
        ({"sign_up": False}, {}, (422, "signup_disabled")),
        ({"anonymous": False}, {}, (422, "anonymous_provider_disabled")),
        ({"password_length_min": 12}, BOB, (422, "weak_password")),
    ],
)
def test_what_cannot_be_is_refused(settings: Any, body: Any, expected: tuple[int, str]) -> None:
    async def story() -> None:
        async with project(**settings) as s:
            assert code(await post(s, "signup", body)) == expected
            assert (await call(s, "GET", "settings")).status == 200

    in_simulation(story)


@simulated
async def test_a_weak_password_is_told_with_its_reasons() -> None:
    async with project() as s:
        reply = await post(s, "signup", {**BOB, "password": "x"})
        assert reply.json["weak_password"] == {"reasons": ["length"]}
        assert reply.json["msg"] == "Password should be at least 6 characters."
