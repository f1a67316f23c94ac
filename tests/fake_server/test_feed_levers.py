"""The levers of the feed of changes, pulled on a running server whose database is written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_server.schema import load
from tests.fake_server.stage import Client, Stage, simulated, stage

SCHEMA = load(Path(__file__).parent / "golden_schema.toml")
CHANGES = {"config": {"postgres_changes": [{"event": "*", "schema": "public", "table": "todos"}]}}
SUBSCRIBED = "Subscribed to PostgreSQL"
TIMEOUTS = '{:error, "Too many database timeouts"}'


def warm(**config: Any) -> Any:
    """A server whose feed is up at once."""
    return stage(schema=SCHEMA, database_cold_s=0.0, **config)


async def joined(s: Stage, topic: str = "db", name: str = "alice") -> Client:
    """A client that joined for changes; what follows the reply is still to come."""
    client = await s.client(name)
    await client.join(topic, **CHANGES)
    assert await client.status() == "ok"
    return client


def write(s: Stage, sql: str = "insert into todos(title) values ('a')") -> None:
    s.server.database.execute(sql, s.server.now_s())


async def told(client: Client, within_s: float = 2.0) -> list[str]:
    """What comes before it is silent for so long: the words of system messages, and the kinds of
    changes."""
    found = []
    while (frame := await client.next(within_s)) is not None:
        found.append(frame[4]["message"] if frame[3] == "system" else frame[4]["data"]["type"])
    return found


@simulated
async def test_changes_are_lost_in_silence_and_broadcasts_are_not() -> None:
    async with warm() as s:
        alice = await joined(s)
        bob = await joined(s, name="bob")
        assert await told(alice) == await told(bob) == [SUBSCRIBED]
        lever = s.server.pull("feed_loss", client="alice", event="INSERT")
        write(s)
        write(s, "update todos set title = 'b'")
        assert await told(alice) == ["UPDATE"]
        assert await told(bob) == ["INSERT", "UPDATE"]
        assert lever.hits == 1
        lever.heal()
        write(s)
        assert await told(alice) == ["INSERT"]


@simulated
async def test_a_dead_feed_is_silent_until_the_channel_joins_again() -> None:
    async with warm() as s:
        alice = await joined(s)
        assert await told(alice) == [SUBSCRIBED]
        s.server.pull("feed_down")
        write(s)
        assert await told(alice) == []
        assert len(s.server.membership()) == 1
        await alice.join("db", **CHANGES)
        frames = [await alice.next() for _ in range(3)]
        assert [frame[3] for frame in frames] == ["phx_reply", "phx_close", "system"]
        write(s)
        assert await told(alice) == ["INSERT"]


@simulated
async def test_subscribed_is_missing_though_changes_come() -> None:
    async with warm() as s:
        s.server.pull("subscribed_missing", client="alice")
        alice = await joined(s)
        assert await told(alice) == []
        write(s)
        assert await told(alice) == ["INSERT"]
        assert await told(await joined(s, name="bob")) == [SUBSCRIBED]


@simulated
async def test_subscribed_is_repeated() -> None:
    async with warm() as s:
        s.server.pull("subscribed_repeated", times=2, gap_s=0.5, count=1)
        alice = await joined(s)
        assert await told(alice, 0.4) == [SUBSCRIBED]
        assert await told(alice) == [SUBSCRIBED] * 2
        assert await told(await joined(s, "other")) == [SUBSCRIBED]


@simulated
async def test_a_late_subscription_misses_what_was_written_before() -> None:
    async with warm() as s:
        s.server.pull("subscribed_late", delay_s=5)
        alice = await joined(s)
        write(s)
        assert await told(alice, 4) == []
        assert await told(alice) == [SUBSCRIBED]
        write(s)
        assert await told(alice) == ["INSERT"]


@simulated
async def test_a_subscription_that_times_out_is_tried_again_5_to_10_s_later() -> None:
    async with warm() as s:
        s.server.pull("subscription_error", count=2)
        alice = await joined(s)
        assert await told(alice, 4.9) == [TIMEOUTS]
        start_s = s.server.now_s()
        assert await told(alice, 11) == [TIMEOUTS, SUBSCRIBED]
        assert 5 <= s.server.now_s() - start_s - 11 <= 20


@simulated
async def test_after_4_timeouts_in_30_s_nobody_may_subscribe() -> None:
    async with warm() as s:
        lever = s.server.pull("subscription_error")
        for number in range(4):
            await joined(s, f"db-{number}")
        lever.heal()
        late = await joined(s, "late")
        assert await told(late, 4.9) == [TIMEOUTS]
        assert (await told(late, 11))[-1] == SUBSCRIBED


@simulated
async def test_any_reason_can_be_given_and_is_no_timeout() -> None:
    async with warm() as s:
        s.server.pull("subscription_error", reason="x", count=1)
        assert await told(await joined(s), 1) == ['{:error, "x"}']
