"""The ground truth as one value: joins, tokens and counts are right, nothing in it is secret."""

from __future__ import annotations

import asyncio
import json

from tests.fake_server.stage import simulated, stage


@simulated
async def test_the_truth_names_joins_tokens_and_frames() -> None:
    async with stage() as s:
        alice = await s.client("alice")
        await alice.join("room", access_token=s.server.token("alice", "token-1"))
        await alice.status()
        bob = await s.client("bob")
        await bob.heartbeat()
        await bob.status()
        truth = s.server.truth()
        assert truth["listening"] is True
        assert truth["membership"] == [
            {
                "tenant": "realtime-dev",
                "conn": 1,
                "client": "alice",
                "topic": "room",
                "join_ref": "1",
                "token_id": "token-1",
            }
        ]
        assert truth["connections"] == [
            {
                "tenant": "realtime-dev",
                "conn": conn,
                "client": name,
                "frames_in": 1,
                "frames_out": 1,
            }
            for conn, name in ((1, "alice"), (2, "bob"))
        ]
        assert truth["counters"] == {
            "handshake": 2,
            "refused": 0,
            "join": 1,
            "leave": 0,
            "disconnect": 0,
            "frame": 2,
            "frames_in": 2,
            "frames_out": 2,
        }


@simulated
async def test_counts_outlive_their_connections_and_a_restart() -> None:
    async with stage() as s:
        alice = await s.joined()
        await alice.socket.close()
        await asyncio.sleep(1)
        await s.joined("bob")
        await s.server.stop()
        truth = s.server.truth()
        assert (truth["listening"], truth["connections"], truth["membership"]) == (False, [], [])
        counters = truth["counters"]
        assert (counters["handshake"], counters["disconnect"], counters["leave"]) == (2, 2, 2)
        assert (counters["frames_in"], counters["frames_out"]) == (2, 2)


@simulated
async def test_frames_that_a_lever_drops_are_counted_where_they_went() -> None:
    """What a client sent came in, even when a rule lost it; what a rule lost never went out."""
    async with stage() as s:
        alice = await s.joined()
        s.server.pull("drop")
        s.server.pull("drop", sender="client", event="heartbeat")
        await alice.heartbeat()
        await alice.push("realtime:room", "broadcast", {"event": "e", "payload": {}}, "1")
        await asyncio.sleep(1)
        counters = s.server.truth()["counters"]
        assert (counters["frames_in"], counters["frame"], counters["frames_out"]) == (3, 2, 1)


@simulated
async def test_the_truth_holds_no_secrets() -> None:
    async with stage() as s:
        token = s.server.token("alice", "token-1")
        alice = await s.client("alice")
        await alice.join("room", access_token=token)
        await alice.status()
        told = json.dumps(s.server.truth())
        for secret in (token, s.server.key("alice"), s.server.config.jwt_secret):
            assert secret not in told
            assert secret.split(".")[-1] not in told
