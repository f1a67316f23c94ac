"""Broadcasts over HTTP: who hears them, and every way in which they are refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from harness.protocol import V2, Kind, UserBroadcast
from tests.fake_server.http_client import Reply, ask
from tests.fake_server.recorded_policies import RECORDED_SCHEMA
from tests.fake_server.stage import PATIENCE_S, Stage, in_simulation, simulated, stage

HOST = "realtime-dev.localhost"
BATCH = "/api/broadcast"
MESSAGE = {"topic": "room", "event": "e", "payload": {"b": 1, "a": 2}}


@dataclass
class Caller:
    """Somebody with a token, at the bare server."""

    stage: Stage
    token: str | None
    host: str = HOST

    async def post(self, target: str, body: Any, **headers: str) -> Reply:
        given = {"host": self.host, "content-type": "application/json"}
        if self.token is not None:
            given["apikey"] = self.token
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await ask("server", 4000, "POST", target, {**given, **named}, data)

    async def batch(self, *messages: Any, **headers: str) -> Reply:
        return await self.post(BATCH, {"messages": list(messages)}, **headers)


@asynccontextmanager
async def calling(**config: Any) -> AsyncIterator[Caller]:
    async with stage(**config) as s:
        yield Caller(s, s.server.apikey)


async def hears(s: Stage, topic: str = "room", vsn: str = "2.0.0", **config: Any) -> Any:
    """A socket that has joined a topic, and knows only what came after that."""
    token = s.server.token("alice", f"token-{vsn}")
    uri = f"{s.server.url}/websocket?apikey={token}&vsn={vsn}"
    socket = await connect(uri, ping_interval=None, proxy=None)
    join = {"topic": f"realtime:{topic}", "event": "phx_join", "payload": {"config": config}}
    fields = {**join, "ref": "1", "join_ref": "1"}
    order = ("join_ref", "ref", "topic", "event", "payload")
    await socket.send(json.dumps(fields if vsn == "1.0.0" else [fields[name] for name in order]))
    assert '"ok"' in str(await socket.recv())
    return socket


async def frames(socket: ClientConnection) -> list[str | bytes]:
    """Everything that comes until nothing comes."""
    came: list[str | bytes] = []
    try:
        while True:
            came.append(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    except TimeoutError:
        return came


@simulated
async def test_a_batch_reaches_the_public_channels_in_both_versions() -> None:
    async with calling() as caller:
        old, new = await hears(caller.stage, vsn="1.0.0"), await hears(caller.stage)
        reply = await caller.batch(MESSAGE, {**MESSAGE, "id": "m-1"}, {**MESSAGE, "topic": "x"})
        assert (reply.status, reply.body) == (202, b"")
        plain = '{"event":"e","payload":{"a":2,"b":1},"type":"broadcast"}'
        named = '{"event":"e","meta":{"id":"m-1"},"payload":{"a":2,"b":1},"type":"broadcast"}'
        assert await frames(new) == [
            f'[null,null,"realtime:room","broadcast",{body}]' for body in (plain, named)
        ]
        assert await frames(old) == [
            f'{{"ref":null,"event":"broadcast","payload":{body},"topic":"realtime:room"}}'
            for body in (plain, named)
        ]


@simulated
async def test_a_single_message_is_binary_in_v2_and_json_in_v1() -> None:
    async with calling() as caller:
        old, new = await hears(caller.stage, "a:b", "1.0.0"), await hears(caller.stage, "a:b")
        target = "/api/broadcast/a%3Ab/events/e%20v"
        assert (await caller.post(target, {"z": 1, "a": [1]})).status == 202
        octets = {"content_type": "application/octet-stream"}
        assert (await caller.post(target, b"\x00\xff", **octets)).status == 202
        json_frame, binary_frame = await frames(new)
        decoded = V2.decode(json_frame, sender="server")
        assert decoded.kind is Kind.USER_BROADCAST
        assert decoded.payload == UserBroadcast("e v", b'{"a":[1],"z":1}', "json")
        decoded = V2.decode(binary_frame, sender="server")
        assert decoded.payload == UserBroadcast("e v", b"\x00\xff", "binary")
        assert await frames(old) == [
            '{"ref":null,"event":"broadcast","payload":'
            '{"event":"e v","payload":{"a":[1],"z":1},"type":"broadcast"},'
            '"topic":"realtime:a:b"}'
        ]


@simulated
async def test_private_messages_without_the_right_are_accepted_and_dropped() -> None:
    """A batch tells nothing of it, a single message does (`protocol.md §4.5`)."""
    async with calling(schema=RECORDED_SCHEMA) as caller:
        private = await hears(caller.stage, "priv-1", private=True)
        public = await hears(caller.stage, "priv-1")
        message = {**MESSAGE, "topic": "priv-1", "private": True}
        single = "/api/broadcast/priv-1/events/e?private=true"
        assert (await caller.batch(message)).status == 202
        denied = await caller.post(single, {})
        assert (denied.status, denied.json) == (403, {"message": "Unauthorized"})
        assert await frames(private) == []
        caller.token = caller.stage.server.token("alice", "t")
        assert (await caller.batch(message)).status == 202
        assert (await caller.post(single, {})).status == 202
        assert len(await frames(private)) == 2
        assert await frames(public) == []


@simulated
async def test_who_may_track_and_not_listen_hears_nothing_over_http_either() -> None:
    async with calling(schema=RECORDED_SCHEMA) as caller:
        await hears(caller.stage, "room")
        reader = await hears(caller.stage, "ro-1", private=True)
        caller.token = caller.stage.server.token("service", "s", role="service_role")
        message = {**MESSAGE, "topic": "ro-1", "private": True}
        assert (await caller.batch(message)).status == 202
        assert len(await frames(reader)) == 1


@pytest.mark.parametrize(
    ("messages", "errors"),
    [
        ([], ["can't be blank"]),
        (None, ["can't be blank"]),
        ("no list", ["is invalid"]),
        ([1], ["is invalid"]),
        ([{"topic": "t", "event": "e"}, MESSAGE], [{"payload": ["can't be blank"]}, {}]),
        (
            [{"topic": " ", "payload": {}}],
            [{"event": ["can't be blank"], "topic": ["can't be blank"]}],
        ),
        (
            [{"topic": 1, "event": "e", "payload": [], "private": "maybe", "id": 7}],
            [{name: ["is invalid"] for name in ("id", "payload", "private", "topic")}],
        ),
        (
            [{**MESSAGE, "payload": {"d": "x" * 1600}}],
            [{"payload": ["Payload size exceeds tenant limit"]}],
        ),
    ],
)
def test_a_batch_with_a_mistake_names_it_and_sends_nothing(messages: Any, errors: Any) -> None:
    async def story() -> None:
        async with calling(payload_kb_max=1) as caller:
            socket = await hears(caller.stage)
            reply = await caller.post(BATCH, {"messages": messages})
            assert (reply.status, reply.json) == (422, {"errors": {"messages": errors}})
            assert await frames(socket) == []

    in_simulation(story)


def expired(s: Stage) -> str:
    return s.server.token("alice", "t", lifetime_s=-1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"apikey": "GOOD"}, 202),
        ({"authorization": "bearer GOOD"}, 202),
        ({"authorization": "Bearer GOOD", "apikey": "junk"}, 202),
        ({"authorization": "Bearer junk", "apikey": "GOOD"}, 401),
        ({"authorization": "Basic junk", "apikey": "GOOD"}, 202),
        ({"apikey": "EXPIRED"}, 401),
        ({}, 401),
        ({"authorization": "GOOD"}, 500),
    ],
)
def test_a_token_is_taken_from_where_the_real_server_looks(
    headers: Mapping[str, str], status: int
) -> None:
    async def story() -> None:
        async with stage() as s:
            good, old = s.server.apikey, expired(s)
            given = {
                name: value.replace("GOOD", good).replace("EXPIRED", old)
                for name, value in headers.items()
            }
            for target in (BATCH, "/api/broadcast/room/events/e"):
                reply = await Caller(s, None).post(target, {"messages": [MESSAGE]}, **given)
                assert reply.status == status
                if status == 401:
                    assert reply.json == {"message": "Unauthorized"}

    in_simulation(story)


@simulated
async def test_what_comes_before_the_token_is_checked_before_it() -> None:
    async with calling() as caller:
        caller.token = None
        single = "/api/broadcast/room/events/e"
        broken = await caller.post(BATCH, b"{", x_request_id="mine")
        assert (broken.status, broken.body) == (400, b"Bad Request")
        assert broken.headers["content-type"] == "text/html; charset=utf-8"
        assert "x-rate-limit" not in broken.headers
        typed = await caller.post(single, b"{}", content_type="text/plain")
        assert (typed.status, typed.json) == (
            415,
            {"error": "Unsupported Media Type. Use application/json or application/octet-stream"},
        )
        assert (await caller.batch(accept="text/html")).status == 406
        caller.host = "nosuch.localhost"
        unknown = await caller.batch(MESSAGE)
        assert (unknown.status, unknown.json) == (
            401,
            {"message": "Tenant not found in database"},
        )


@simulated
async def test_an_answer_has_the_headers_of_the_recording() -> None:
    async with calling() as caller:
        reply = await caller.batch({**MESSAGE, "payload": {"d": "x" * 4_000_000}})
        names = [name for name, _ in reply.raw_headers]
        assert names == [
            "cache-control",
            "content-length",
            "content-type",
            "date",
            "server",
            "vary",
            "x-rate-limit",
            "x-rate-limit-remaining",
            "x-rate-rolling",
            "x-request-id",
        ]
        assert len(reply.headers["x-request-id"]) == 20
        assert reply.status == 422


@simulated
async def test_pages_of_other_origins_may_call() -> None:
    async with calling() as caller:
        reply = await caller.batch(MESSAGE, origin="https://app.example")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in (await caller.batch(MESSAGE)).headers


@simulated
async def test_the_gateway_knows_the_tenant_and_answers_preflights() -> None:
    async with calling() as caller:
        socket = await hears(caller.stage)
        caller.host = "127.0.0.1:4000"
        reply = await caller.post("/realtime/v1/api/broadcast", {"messages": [MESSAGE]})
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (202, "*")
        assert len(await frames(socket)) == 1
        asked = {"host": "127.0.0.1", "access-control-request-headers": "apikey,content-type"}
        preflight = await ask("server", 4000, "OPTIONS", "/realtime/v1/api/broadcast", asked)
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-headers"] == "apikey,content-type"
        assert (await caller.post("/api/broadcast", {})).status == 401


@simulated
async def test_a_suspended_tenant_may_not_send() -> None:
    async with calling(suspended=True) as caller:
        for target in (BATCH, "/api/broadcast/room/events/e"):
            reply = await caller.post(target, {"messages": [MESSAGE]})
            assert (reply.status, reply.json) == (403, {"message": "Tenant is suspended"})


@simulated
async def test_too_many_events_refuse_a_batch_that_would_pass_the_limit() -> None:
    async with calling(events_per_s_max=10) as caller:
        large = await caller.batch(*[MESSAGE] * 11)
        assert large.status == 429
        assert large.json == {
            "message": "Too many messages to broadcast, please reduce the batch size"
        }
        for _ in range(12):
            assert (await caller.batch(*[MESSAGE] * 10)).status == 202
            await asyncio.sleep(0.3)
        await asyncio.sleep(2)
        over = await caller.batch(MESSAGE)
        assert (over.status, over.json) == (
            429,
            {"message": "You have exceeded your rate limit"},
        )
        single = await caller.post("/api/broadcast/room/events/e", {})
        assert single.json == {"message": "You have exceeded your rate limit"}


@simulated
async def test_too_many_requests_are_refused_before_their_tokens_are_looked_at() -> None:
    async with calling(events_per_s_max=2) as caller:
        caller.token = None
        for _ in range(9):
            assert (await caller.batch(MESSAGE)).status == 401
        await asyncio.sleep(1)
        over = await caller.batch(MESSAGE)
        assert (over.status, over.json) == (429, {"message": "Too many requests"})
        assert (over.headers["x-rate-rolling"], over.headers["x-rate-limit-remaining"]) == (
            "4",
            "-2",
        )


@simulated
async def test_an_event_that_no_frame_can_carry_crashes_the_request_and_nothing_else() -> None:
    async with calling() as caller:
        single = f"/api/broadcast/room/events/{'e' * 300}"
        assert (await caller.post(single, {})).status == 202
        socket = await hears(caller.stage)
        assert (await caller.post(single, {})).status == 500
        assert (await caller.batch(MESSAGE)).status == 202
        assert len(await frames(socket)) == 1
