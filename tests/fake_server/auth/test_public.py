"""What anybody may ask, and addresses that are none."""

from __future__ import annotations

import json

import jwt

from fake_server.jwks import KeySet
from tests.fake_server.auth.asking import call, project
from tests.fake_server.stage import simulated, stage


@simulated
async def test_health_and_settings_are_told() -> None:
    async with project(email_confirm=True, anonymous=False) as s:
        assert (await call(s, "GET", "health")).json["name"] == "GoTrue"
        told = (await call(s, "GET", "settings")).json
        assert (told["mailer_autoconfirm"], told["disable_signup"]) == (False, False)
        external = told["external"]
        assert (external["email"], external["anonymous_users"], external["google"]) == (
            True,
            False,
            False,
        )


@simulated
async def test_public_keys_are_told_without_their_private_parts() -> None:
    ec = {
        "kty": "EC",
        "kid": "e",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    }
    oct_ = {"kty": "oct", "kid": "o", "k": "c2VjcmV0"}
    async with stage(jwks=KeySet.of({"keys": [oct_, ec]})) as s:
        reply = await call(s, "GET", ".well-known/jwks.json", apikey="")
        assert reply.json == {"keys": [{name: ec[name] for name in ec if name != "d"}]}
        assert jwt.PyJWK(reply.json["keys"][0]).key_id == "e"
        assert "c2VjcmV0" not in json.dumps(reply.json)
    async with project() as s:
        assert (await call(s, "GET", ".well-known/jwks.json")).json == {"keys": []}


@simulated
async def test_an_unknown_address_and_a_wrong_method_are_told_apart() -> None:
    async with project() as s:
        gone = await call(s, "GET", "nowhere")
        assert (gone.status, gone.body) == (404, b"404 page not found\n")
        assert (await call(s, "DELETE", "token")).status == 405
        assert (await call(s, "GET", "authorize?provider=x", apikey="")).status == 400
