"""Codes and links by mail: asked for, sent, used once, too late, and with PKCE."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fake_server.auth.asking import ADA, BOB, call, claims, code, last_mail, post, project
from tests.fake_server.stage import Stage, simulated

MAIL = {"email": ADA["email"]}
HOME = "http://127.0.0.1:3000/in"


async def follow(s: Stage, link: str) -> Any:
    """Where a link in a mail leads: the address, its query and its fragment."""
    parts = urlsplit(link)
    reply = await call(s, "GET", f"{parts.path.removeprefix('/auth/v1/')}?{parts.query}", apikey="")
    assert reply.status == 303
    led = urlsplit(reply.headers["location"])
    told = {name: values[0] for name, values in parse_qs(led.fragment).items()}
    query = {name: values[0] for name, values in parse_qs(led.query).items()}
    return f"{led.scheme}://{led.netloc}{led.path}", query, told


@simulated
async def test_a_code_signs_in_once() -> None:
    async with project() as s:
        reply = await post(s, "otp", MAIL)
        assert (reply.status, reply.json) == (200, {})
        proof = {**MAIL, "type": "email", "token": last_mail(s)["code"]}
        session = (await post(s, "verify", proof)).json
        assert session["user"]["email"] == ADA["email"]
        assert claims(session)["amr"][0]["method"] == "otp"
        assert code(await post(s, "verify", proof)) == (403, "otp_expired")


@simulated
async def test_a_code_is_good_for_an_hour() -> None:
    async with project() as s:
        await post(s, "otp", MAIL)
        await asyncio.sleep(3601)
        proof = {**MAIL, "type": "magiclink", "token": last_mail(s)["code"]}
        reply = await post(s, "verify", proof)
        assert code(reply) == (403, "otp_expired")
        assert reply.json["msg"] == "Token has expired or is invalid"


@simulated
async def test_a_link_leads_to_the_application_with_tokens() -> None:
    async with project() as s:
        await post(s, f"otp?redirect_to={HOME}", MAIL)
        where, query, told = await follow(s, last_mail(s)["link"])
        assert (where, query, told["type"]) == (HOME, {}, "magiclink")
        user = await call(s, "GET", "user", token=told["access_token"])
        assert user.json["email"] == ADA["email"]
        _, _, told = await follow(s, last_mail(s)["link"])
        assert (told["error"], told["error_code"]) == ("access_denied", "otp_expired")


@simulated
async def test_a_link_leads_nowhere_that_the_project_does_not_allow() -> None:
    async with project(redirect_urls=("https://*.example.com/**",)) as s:
        for wanted, led in (
            ("https://evil.example/", "http://localhost:3000"),
            ("https://app.example.com/a/b", "https://app.example.com/a/b"),
        ):
            await post(s, f"recover?redirect_to={wanted}", MAIL)
            assert (await follow(s, last_mail(s)["link"]))[0] == led
            await asyncio.sleep(61)


@simulated
async def test_a_link_leads_to_any_address_that_a_url_can_be() -> None:
    async with project() as s:
        await post(s, "otp?redirect_to=http://127.0.0.1/%C3%A9%00%0D%0Ax", MAIL)
        where, _, told = await follow(s, last_mail(s)["link"])
        assert where.startswith("http://127.0.0.1/%C3%A9")
        assert told["access_token"]


@simulated
async def test_a_code_of_any_characters_is_no_code() -> None:
    async with project() as s:
        reply = await post(s, "verify", {**MAIL, "type": "email", "token": "\ud800"})
        assert reply.json["error_code"] in ("otp_expired", "bad_json")


@simulated
async def test_an_email_that_was_taken_meanwhile_is_not_taken_over() -> None:
    async with project(secure_email_change=False) as s:
        session = (await post(s, "token?grant_type=password", ADA)).json
        asked = {"email": BOB["email"]}
        await call(s, "PUT", "user", asked, token=session["access_token"])
        mail = last_mail(s)
        await post(s, "signup", BOB)
        proof = {"type": "email_change", "email": mail["to"], "token": mail["code"]}
        assert code(await post(s, "verify", proof)) == (422, "email_exists")
        assert (await post(s, "token?grant_type=password", BOB)).status == 200


@simulated
async def test_a_stranger_becomes_a_user_unless_the_request_says_no() -> None:
    async with project() as s:
        stranger = {"email": BOB["email"]}
        refused = await post(s, "otp", {**stranger, "create_user": False})
        assert code(refused) == (422, "otp_disabled")
        assert (await post(s, "otp", {**stranger, "data": {"n": 1}})).status == 200
        proof = {**stranger, "type": "email", "token": last_mail(s)["code"]}
        user = (await post(s, "verify", proof)).json["user"]
        assert (user["email"], user["user_metadata"]["n"]) == (BOB["email"], 1)


@simulated
async def test_the_hash_of_a_link_is_a_proof_too() -> None:
    async with project() as s:
        await post(s, "recover", MAIL)
        mail = last_mail(s)
        assert mail["type"] == "recovery"
        proof = {"type": "recovery", "token_hash": mail["token_hash"]}
        mixed = await post(s, "verify", {**proof, **MAIL})
        assert code(mixed) == (400, "validation_failed")
        session = (await post(s, "verify", proof)).json
        changed = await call(
            s, "PUT", "user", {"password": "another one"}, token=session["access_token"]
        )
        assert changed.status == 200
        again = {**ADA, "password": "another one"}
        assert (await post(s, "token?grant_type=password", again)).status == 200


@simulated
async def test_nobody_learns_from_recovery_who_is_known() -> None:
    async with project() as s:
        reply = await post(s, "recover", {"email": "nobody@example.com"})
        assert (reply.status, reply.json) == (200, {})
        assert s.server.truth()["mails"] == []


@simulated
async def test_one_mail_a_minute_to_one_user() -> None:
    async with project() as s:
        await post(s, "otp", MAIL)
        await asyncio.sleep(20)
        reply = await post(s, "otp", MAIL)
        assert code(reply) == (429, "over_email_send_rate_limit")
        assert reply.json["msg"].endswith("you can only request this after 39 seconds.")
        await asyncio.sleep(40)
        assert (await post(s, "otp", MAIL)).status == 200


@simulated
async def test_a_confirmation_is_sent_again() -> None:
    async with project(email_confirm=True, mail_interval_s=0) as s:
        await post(s, "signup", BOB)
        assert (await post(s, "resend", {"type": "signup", "email": BOB["email"]})).json == {}
        assert [mail["type"] for mail in s.server.truth()["mails"]] == ["signup", "signup"]
        assert (await post(s, "resend", {"type": "signup", **MAIL})).status == 200
        assert len(s.server.truth()["mails"]) == 2
        assert code(await post(s, "resend", {"type": "x"})) == (400, "validation_failed")


@simulated
async def test_with_pkce_the_link_brings_a_code_for_who_asked() -> None:
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    asked = {**MAIL, "code_challenge": challenge.rstrip("="), "code_challenge_method": "s256"}
    async with project() as s:
        await post(s, f"otp?redirect_to={HOME}", asked)
        _, query, told = await follow(s, last_mail(s)["link"])
        assert told == {}
        grant = {"auth_code": query["code"], "code_verifier": "w" * 50}
        assert code(await post(s, "token?grant_type=pkce", grant)) == (400, "bad_code_verifier")
        good = {**grant, "code_verifier": verifier}
        session = (await post(s, "token?grant_type=pkce", good)).json
        assert claims(session)["amr"][0]["method"] == "magiclink"
        used = await post(s, "token?grant_type=pkce", good)
        assert code(used) == (404, "flow_state_not_found")


@simulated
async def test_a_code_of_pkce_waits_five_minutes() -> None:
    challenge = "c" * 43
    asked = {**MAIL, "code_challenge": challenge, "code_challenge_method": "plain"}
    async with project() as s:
        await post(s, "otp", asked)
        _, query, _ = await follow(s, last_mail(s)["link"])
        await asyncio.sleep(301)
        grant = {"auth_code": query["code"], "code_verifier": challenge}
        assert code(await post(s, "token?grant_type=pkce", grant)) == (422, "flow_state_expired")


@simulated
async def test_who_is_signed_in_can_ask_for_a_code_to_change_the_password() -> None:
    async with project() as s:
        session = (await post(s, "token?grant_type=password", ADA)).json
        reply = await call(s, "GET", "reauthenticate", token=session["access_token"])
        assert (reply.status, last_mail(s)["type"]) == (200, "reauthentication")
