"""JWT_CLAIM_VALIDATORS: the words in every place where a token is looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fake_server.schema import SchemaError, loads, server_configs
from fake_server.tokens import sign
from tests.fake_server.http_client import HttpConnection
from tests.fake_server.stage import Stage, simulated, stage

_EXPECTED = {"iss": "https://acme.example", "aud": ["a", 1]}


def _token(s: Stage, **claims: Any) -> str:
    said = {"role": "anon", "exp": int(s.server.now_s()) + 600, **claims}
    return sign(said, s.server.config.jwt_secret)


@simulated
async def test_the_servers_own_keys_and_tokens_without_the_claim_are_taken() -> None:
    async with stage(jwt_claim_validators=_EXPECTED) as s:
        alice = await s.joined()
        await alice.join("other", access_token=_token(s))
        assert await alice.status() == "ok"


@simulated
async def test_a_wrong_claim_is_refused_with_500_at_the_connection() -> None:
    async with stage(jwt_claim_validators=_EXPECTED) as s:
        with pytest.raises(InvalidStatus) as raised:
            await connect(f"{s.server.url}/websocket?apikey={_token(s, iss='x')}", proxy=None)
        assert raised.value.response.status_code == 500
        assert raised.value.response.body == b'{"error":"Error connecting to Realtime"}'


@simulated
async def test_a_wrong_claim_is_an_unknown_error_to_a_join_and_named_to_a_channel() -> None:
    async with stage(jwt_claim_validators=_EXPECTED) as s:
        alice = await s.client()
        await alice.join("room", access_token=_token(s, aud="b"))
        reply = await alice.next(within_s=6)
        assert reply[4]["response"] == {"reason": "Unknown Error on Channel"}
        ref = await alice.join("room")
        assert await alice.status() == "ok"
        token = _token(s, iss="x")
        await alice.push("realtime:room", "access_token", {"access_token": token}, ref)
        message = (await alice.next())[4]["message"]
        assert message == '[message: "Invalid token", claim: "iss", claim_val: "x"]'
        assert (await alice.next())[3] == "phx_close"


@simulated
async def test_a_wrong_claim_is_unauthorized_to_the_api() -> None:
    async with stage(jwt_claim_validators=_EXPECTED) as s:
        for claims, status in (({"iss": "x"}, 401), ({"iss": _EXPECTED["iss"]}, 202)):
            body = {"messages": [{"topic": "room", "event": "hi", "payload": {}}]}
            headers = {"host": "gateway", "content-type": "application/json"}
            headers["authorization"] = f"Bearer {_token(s, **claims)}"
            connection = await HttpConnection.open("server", 4000)
            sent = json.dumps(body).encode()
            reply = await connection.ask("POST", "/realtime/v1/api/broadcast", headers, sent)
            connection.writer.close()
            assert reply.status == status


def test_a_schema_file_sets_them_for_all_tenants() -> None:
    text = "[jwt_claim_validators]\niss = 'x'\naud = ['a', 1]\n[tenants.a]\n[tenants.b]\n"
    configs = server_configs(loads(text))
    assert [one.jwt_claim_validators for one in configs] == [{"iss": "x", "aud": ["a", 1]}] * 2


def test_a_schema_file_with_something_else_is_refused() -> None:
    with pytest.raises(SchemaError) as raised:
        loads("jwt_claim_validators = 'iss'", "project.toml")
    assert str(raised.value) == (
        "project.toml, line 1: jwt_claim_validators: has to be a table, not 'iss'"
    )
