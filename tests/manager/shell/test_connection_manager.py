"""The manager over real sockets: it comes back, keeps its word, keeps secrets, and ends cleanly."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from websockets.protocol import State as ProtocolState

from harness.manager import (
    AlreadySubscribed,
    CallbackFailed,
    Change,
    ChangeBinding,
    ChannelConfig,
    ChannelState,
    ChannelUnsubscribed,
    Config,
    ConnectionCore,
    ConnectionManager,
    DialFailed,
    Event,
    FeedState,
    FeedTimedOut,
    InvalidSetting,
    Joined,
    JoinTimedOut,
    Lost,
    ManagerClosed,
    ReconnectLadder,
    Rejected,
    SlowConsumer,
    State,
)
from harness.protocol import Message
from tests.manager.shell.scripted import (
    LIVELY,
    QUICK,
    Line,
    ScriptedPeer,
    closing,
    deaf,
    eventually,
    mute,
    polite,
    refusing,
    reset,
    scripted,
)

APIKEY = "sb_secret_abc/+=&"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.secret.token"
ROOM = "realtime:room1"


def manager_of(url: str, **settings: Any) -> ConnectionManager:
    defaults: dict[str, Any] = {"apikey": APIKEY, "config": QUICK, "rng": Random(1)}
    return ConnectionManager(url, **(defaults | settings))


def tasks_of_the_manager() -> list[str]:
    """What runs on this loop out of the manager's own files."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return [str(one) for one in coroutines if "Link." in str(one) or "Inbox." in str(one)]


@pytest.mark.asyncio
async def test_join_send_receive_leave() -> None:
    received: list[tuple[str, Any]] = []
    async with scripted(polite) as server, manager_of(server.url, token=TOKEN) as manager:
        channel = manager.subscribe(
            "room1", lambda event, payload: received.append((event, payload))
        )
        await channel.joined()
        assert (await channel.broadcast("hi", {"n": 1})).outcome == "acked"
        await server.peers[0].broadcast(ROOM, "e", b"[1,2]")
        await eventually(lambda: received)
        assert received == [("e", [1, 2])]
        await channel.unsubscribe()
        assert channel.state is ChannelState.GONE
        assert server.of("phx_join")[0].payload["access_token"] == TOKEN
        assert manager.stats.broadcasts_acked == 1


@pytest.mark.asyncio
async def test_it_comes_back_whatever_the_server_does() -> None:
    """The whole retry policy in one script: refusals, resets, closes, silence, and then peace."""
    events: list[Event] = []
    lines: list[Line] = [
        refusing(503),
        reset,
        closing(1000),
        refusing(429),
        closing(1012),
        reset,
        mute,
        polite,
    ]
    async with (
        scripted(*lines) as server,
        manager_of(server.url, config=LIVELY, on_event=events.append) as manager,
    ):
        await manager.subscribe("room1").joined(timeout_s=20)
        assert server.attempts == len(lines)
        assert manager.stats.dials == len(lines)
        assert manager.stats.handshakes == 6
    assert [type(event) for event in events if isinstance(event, DialFailed | Lost)] == [
        DialFailed,
        Lost,
        Lost,
        DialFailed,
        Lost,
        Lost,
        Lost,
    ]
    assert "heartbeat" in [event for event in events if isinstance(event, Lost)][-1].reason


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_yet_is_waited_for() -> None:
    async with scripted(polite) as server:
        url = server.url
    events: list[Event] = []
    async with manager_of(url, on_event=events.append) as manager:
        manager.subscribe("room1")
        await eventually(lambda: len(events) >= 3)
        assert all(isinstance(event, DialFailed) for event in events)
        assert manager.state in (State.BACKING_OFF, State.CONNECTING)


@pytest.mark.asyncio
async def test_a_refused_key_is_told_in_the_servers_words() -> None:
    events: list[Event] = []
    line = refusing(401, '{"error":"Failed to validate JWT signature"}')
    async with scripted(line) as server, manager_of(server.url, on_event=events.append):
        await eventually(lambda: events)
    assert isinstance(events[0], Rejected)
    assert events[0].reason == "the server answered HTTP 401: Failed to validate JWT signature"


@pytest.mark.asyncio
async def test_retry_after_is_read_from_the_answer() -> None:
    events: list[Event] = []
    line = refusing(429, Retry_After="30")
    async with scripted(line) as server, manager_of(server.url, on_event=events.append):
        await eventually(lambda: events)
    assert isinstance(events[0], DialFailed)
    assert events[0].retry_in_s >= 30.0


@pytest.mark.asyncio
async def test_a_server_whose_application_hangs_is_replaced() -> None:
    async with scripted(mute, polite) as server, manager_of(server.url, config=LIVELY) as manager:
        await manager.subscribe("room1").joined()
        assert server.attempts == 2
        assert manager.stats.heartbeat_timeouts == 1
        old = server.peers[0].connection
        await eventually(lambda: old.state is ProtocolState.CLOSED)


@pytest.mark.asyncio
async def test_heartbeats_keep_a_quiet_link() -> None:
    async with scripted(polite) as server, manager_of(server.url, config=LIVELY) as manager:
        await manager.subscribe("room1").joined()
        await eventually(lambda: len(server.of("heartbeat")) >= 5)
        assert server.attempts == 1


@pytest.mark.asyncio
async def test_what_is_sent_offline_arrives_after_the_rejoin() -> None:
    async with scripted(refusing(503), refusing(503), polite) as server:
        async with manager_of(server.url) as manager:
            channel = manager.subscribe("room1")
            sends = [channel.broadcast("n", number) for number in range(5)]
            results = await asyncio.gather(*sends)
        assert [result.outcome for result in results] == ["acked"] * 5
        order = [message.payload.payload for message in server.of("broadcast")]
        assert order == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.asyncio
async def test_a_send_into_a_black_hole_is_never_reported_as_acked() -> None:
    async with scripted(deaf) as server, manager_of(server.url) as manager:
        channel = manager.subscribe("room1")
        await channel.joined()
        sends = [channel.broadcast("n", "x" * 50_000, timeout_s=0.3) for _ in range(200)]
        outcomes = {result.outcome for result in await asyncio.gather(*sends)}
        assert outcomes <= {"unknown", "expired", "overflowed"}
        assert "unknown" in outcomes


@pytest.mark.asyncio
async def test_closing_on_a_dead_link_takes_less_than_a_second_and_leaves_nothing() -> None:
    async with scripted(deaf) as server:
        manager = manager_of(server.url)
        await manager.start()
        channel = manager.subscribe("room1")
        await channel.joined()
        assert len(tasks_of_the_manager()) == 2
        send = asyncio.ensure_future(channel.broadcast("n", "x" * 900_000))
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        await manager.close()
        assert loop.time() - started_s < 1.0
        assert tasks_of_the_manager() == []
        assert (await send).outcome == "unknown"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "line",
    [refusing(503), reset, mute, polite],
    ids=["refusing", "reset", "mute", "polite"],
)
async def test_closing_at_any_moment_ends_the_dialling(line: Any) -> None:
    async with scripted(line) as server:
        for moment_s in (0.0, 0.001, 0.01, 0.05):
            manager = manager_of(server.url)
            await manager.start()
            manager.subscribe("room1")
            await asyncio.sleep(moment_s)
            await manager.close()
            await asyncio.sleep(0.05)  # A request that was on its way may still be counted.
            attempts = server.attempts
            await asyncio.sleep(0.1)
            assert manager.state is State.STOPPED
            assert server.attempts == attempts


@pytest.mark.asyncio
async def test_closing_twice_and_unstarted_is_harmless() -> None:
    async with scripted(polite) as server:
        manager = manager_of(server.url)
        await manager.close()
        await manager.start()
        await asyncio.gather(manager.close(), manager.close())
        await manager.close()


@pytest.mark.asyncio
async def test_close_then_start_keeps_the_subscriptions() -> None:
    async with scripted(polite) as server:
        manager = manager_of(server.url)
        channel = manager.subscribe("room1")
        for _ in range(3):
            async with manager:
                await channel.joined()
                assert (await channel.broadcast("n", 1)).outcome == "acked"
            assert channel.state is ChannelState.WAITING
        assert len(server.of("phx_join")) == 3


@pytest.mark.asyncio
async def test_a_polite_close_says_goodbye() -> None:
    async with scripted(polite) as server:
        async with manager_of(server.url) as manager:
            await manager.subscribe("room1").joined()
        await eventually(lambda: server.peers[0].connection.close_code is not None)
        assert server.peers[0].connection.close_code == 1000


@pytest.mark.asyncio
async def test_waiting_for_a_join_ends_with_the_reason() -> None:
    config = replace(QUICK, leave_timeout_s=0.1)
    async with scripted(mute) as server, manager_of(server.url, config=config) as manager:
        channel = manager.subscribe("room1")
        with pytest.raises(JoinTimedOut, match=r"'room1' did not join within 0\.05 s"):
            await channel.joined(timeout_s=0.05)
        waiting = asyncio.ensure_future(channel.joined())
        leaving = asyncio.ensure_future(channel.unsubscribe())
        with pytest.raises(ChannelUnsubscribed):
            await waiting
        other = asyncio.ensure_future(manager.subscribe("room2").joined())
        await asyncio.sleep(0)
        await manager.close()
        with pytest.raises(ManagerClosed):
            await other
        await leaving


@pytest.mark.asyncio
async def test_a_raising_callback_affects_nothing_else() -> None:
    received: list[Any] = []
    events: list[Event] = []

    def raises(event: str, payload: Any) -> None:
        received.append(payload)
        if payload == 1:
            raise ValueError("of the application")

    async with (
        scripted(polite) as server,
        manager_of(server.url, on_event=events.append) as manager,
    ):
        channel = manager.subscribe("room1", raises)
        await channel.joined()
        for number in range(3):
            await server.peers[0].broadcast(ROOM, "e", b"%d" % number)
        await eventually(lambda: len(received) == 3)
        assert channel.state is ChannelState.JOINED
    failed = [event for event in events if isinstance(event, CallbackFailed)]
    assert [repr(event.error) for event in failed] == ["ValueError('of the application')"]


@pytest.mark.asyncio
async def test_coroutine_callbacks_are_awaited_in_order() -> None:
    received: list[int] = []

    async def slow(event: str, payload: int) -> None:
        await asyncio.sleep(0.02 if payload % 2 else 0.0)
        received.append(payload)

    async with scripted(polite) as server, manager_of(server.url) as manager:
        await manager.subscribe("room1", slow).joined()
        for number in range(10):
            await server.peers[0].broadcast(ROOM, "e", b"%d" % number)
        await eventually(lambda: len(received) == 10)
        assert received == list(range(10))


@pytest.mark.asyncio
async def test_changes_reach_their_callback_once_the_feed_is_live() -> None:
    """Joined is not live: a wait for the feed ends with the server's word, or with the reason."""
    todos = ChangeBinding(event="INSERT", table="todos")
    changes: list[Change] = []
    say_so = asyncio.Event()

    async def subscribing(peer: ScriptedPeer) -> None:
        async for message in peer:
            await peer.answer(message, postgres_changes=[{"id": 7, **todos.wire()}])
            if message.event == "phx_join":
                await say_so.wait()
                word = {"extension": "postgres_changes", "status": "ok", "message": "Subscribed"}
                await peer.say(Message(ROOM, "system", word, None, message.ref))
                data = {"schema": "public", "table": "todos", "type": "INSERT", "record": {"id": 1}}
                await peer.say(Message(ROOM, "postgres_changes", {"ids": [7], "data": data}))

    async with scripted(subscribing) as server, manager_of(server.url) as manager:
        channel = manager.subscribe(
            "room1", on_change=changes.append, config=ChannelConfig(changes=[todos])
        )
        await channel.joined()
        with pytest.raises(FeedTimedOut, match="did not confirm"):
            await channel.feed_live(timeout_s=0.05)
        assert channel.feed is FeedState.SUBSCRIBING
        say_so.set()
        await channel.feed_live()
        await eventually(lambda: changes)
        assert (changes[0].type, changes[0].record) == ("INSERT", {"id": 1})
        assert manager.stats.changes_received == 1
        other = manager.subscribe("room2")
        with pytest.raises(InvalidSetting, match="asked for no changes"):
            await other.feed_live()
        await channel.unsubscribe()
        with pytest.raises(ChannelUnsubscribed):
            await channel.feed_live()


def test_changes_and_their_callback_come_together() -> None:
    """Either without the other is a mistake that would never be seen; nothing is subscribed."""
    manager = manager_of("ws://127.0.0.1:9")
    asked = ChannelConfig(changes=[ChangeBinding(table="todos")])
    with pytest.raises(InvalidSetting, match=r"on_change without changes .* give config="):
        manager.subscribe("room1", on_change=print)
    with pytest.raises(InvalidSetting, match=r"table='todos'.* give on_change too"):
        manager.subscribe("room1", config=asked)
    assert manager.subscribe("room1", on_change=print, config=asked).topic == "room1"


@pytest.mark.asyncio
async def test_a_slow_callback_loses_messages_visibly_and_holds_nothing_up() -> None:
    events: list[Event] = []
    release = asyncio.Event()

    async def stuck(event: str, payload: int) -> None:
        await release.wait()

    config = Config(inbound_queue_max=5)
    async with (
        scripted(polite) as server,
        manager_of(server.url, config=config, on_event=events.append) as manager,
    ):
        channel = manager.subscribe("room1", stuck)
        await channel.joined()
        await server.peers[0].broadcast(ROOM, "e", b"0")
        await eventually(lambda: manager.stats.received == 1)  # The callback has it.
        for number in range(1, 20):
            await server.peers[0].broadcast(ROOM, "e", b"%d" % number)
        await eventually(lambda: manager.stats.received == 20)
        assert (await channel.broadcast("n", 1)).outcome == "acked"
        assert manager.stats.dropped == 14
        assert len([event for event in events if isinstance(event, SlowConsumer)]) == 1
        release.set()


@pytest.mark.asyncio
async def test_unsubscribing_inside_the_callback_ends_the_callbacks() -> None:
    received: list[int] = []
    async with scripted(polite) as server, manager_of(server.url) as manager:

        async def once(event: str, payload: int) -> None:
            received.append(payload)
            await channel.unsubscribe()

        channel = manager.subscribe("room1", once)
        await channel.joined()
        for number in range(5):
            await server.peers[0].broadcast(ROOM, "e", b"%d" % number)
        await eventually(lambda: channel.state is ChannelState.GONE)
        await asyncio.sleep(0.05)
        assert received == [0]


@pytest.mark.asyncio
async def test_closing_inside_the_callback_does_not_lock_up() -> None:
    async with scripted(polite) as server, manager_of(server.url) as manager:

        async def close(event: str, payload: int) -> None:
            await manager.close()

        await manager.subscribe("room1", close).joined()
        await server.peers[0].broadcast(ROOM, "e", b"1")
        await eventually(lambda: manager.state is State.STOPPED)


@pytest.mark.asyncio
async def test_the_listener_may_call_back_and_may_raise() -> None:
    """It subscribes from inside an event, and raises after: neither recurs nor stops anything."""
    seen: list[Event] = []

    def listener(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Joined) and event.topic == "room1":
            manager.subscribe("room2")
        raise RuntimeError("of the application")

    async with scripted(polite) as server:
        manager = manager_of(server.url, on_event=listener)
        async with manager:
            await manager.subscribe("room1").joined()
            await eventually(lambda: Joined("room2") in seen)


@pytest.mark.asyncio
async def test_a_cancelled_send_is_withdrawn() -> None:
    async with scripted(refusing(503), refusing(503), polite) as server:
        async with manager_of(server.url) as manager:
            channel = manager.subscribe("room1")
            given_up = asyncio.ensure_future(channel.broadcast("n", "given up"))
            await asyncio.sleep(0)
            given_up.cancel()
            assert (await channel.broadcast("n", "kept")).outcome == "acked"
        assert [m.payload.payload for m in server.of("broadcast")] == [b'"kept"']


@pytest.mark.asyncio
@pytest.mark.parametrize("timeout_s", [0, -1.0, float("inf"), float("nan")])
async def test_a_send_needs_a_bound(timeout_s: float) -> None:
    channel = manager_of("ws://127.0.0.1:9").subscribe("room1")
    with pytest.raises(InvalidSetting, match="timeout_s="):
        await channel.broadcast("n", 1, timeout_s=timeout_s)


@pytest.mark.asyncio
async def test_before_the_start_a_send_fails_and_a_wait_says_why() -> None:
    manager = manager_of("ws://127.0.0.1:9")
    channel = manager.subscribe("room1")
    assert (await channel.broadcast("n", 1)).outcome == "failed"
    with pytest.raises(ManagerClosed, match="start it"):
        await channel.joined()
    await channel.unsubscribe()
    await channel.unsubscribe()
    assert channel.state is ChannelState.GONE


@pytest.mark.asyncio
async def test_a_hundred_reconnects_leave_no_task_behind() -> None:
    async with scripted(reset) as server, manager_of(server.url) as manager:
        manager.subscribe("room1")
        await eventually(lambda: manager.stats.dials > 100)
        assert len(tasks_of_the_manager()) <= 2


@pytest.mark.asyncio
async def test_an_internal_error_is_said_aloud_and_does_not_end_the_retrying(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(ConnectionCore):
        broken = True

        def received(self, link: int, frame: str | bytes, now_s: float) -> None:
            if self.broken:
                self.broken = False
                raise AssertionError("a bug of ours")
            super().received(link, frame, now_s)

    class BrokenManager(ConnectionManager):
        core_type = Broken

    async with (
        scripted(polite) as server,
        BrokenManager(server.url, apikey=APIKEY, config=QUICK) as manager,
    ):
        await manager.subscribe("room1").joined()
        assert server.attempts == 2
    assert "internal error on link 1" in caplog.text


@pytest.mark.asyncio
async def test_no_key_and_no_token_reaches_a_log_an_event_a_repr_or_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    shown: list[str] = []
    lines: list[Line] = [refusing(401, '{"error":"no"}'), closing(1011), polite]
    async with (
        scripted(*lines) as server,
        manager_of(server.url, token=TOKEN, on_event=events.append) as manager,
    ):
        channel = manager.subscribe("room1")
        await channel.joined()
        manager.set_token(TOKEN + "2")
        await eventually(lambda: server.of("access_token"))
        with pytest.raises(AlreadySubscribed) as caught:
            manager.subscribe("room1")
        shown += [repr(manager), repr(channel), str(caught.value), repr(manager._driver.core)]
    client_logs = [r.getMessage() for r in caplog.records if r.name != "websockets.server"]
    everything = "\n".join([*shown, *map(repr, events), *client_logs])
    assert "Joined" in everything
    for secret in (APIKEY, "sb_secret", TOKEN):
        assert secret not in everything


@pytest.mark.asyncio
async def test_the_same_topic_with_other_settings_is_refused_until_it_is_unsubscribed() -> None:
    async with scripted(polite) as server, manager_of(server.url) as manager:
        channel = manager.subscribe("room1")
        with pytest.raises(AlreadySubscribed):
            manager.subscribe("room1")
        await channel.joined()
        await channel.unsubscribe()
        again = manager.subscribe("room1")
        await again.joined()


@pytest.mark.asyncio
async def test_random_lifecycles_end_as_was_wanted_last() -> None:
    """Subscribe, leave, close, start in any order, over links that break: the last wish holds."""
    lines: list[Line] = [polite, reset, polite, closing(1000), polite, refusing(503), polite]
    for seed in range(5):
        rng = Random(seed)
        async with scripted(*lines) as server:
            manager = manager_of(server.url, rng=Random(seed))
            await manager.start()
            channel = manager.subscribe("room1")
            for _ in range(30):
                match rng.choice(["renew", "restart", "break", "wait"]):
                    case "renew":
                        leaving = asyncio.ensure_future(channel.unsubscribe())
                        await asyncio.sleep(rng.choice([0.0, 0.002]))
                        channel = manager.subscribe("room1")
                        await leaving
                    case "restart":
                        await manager.close()
                        await manager.start()
                    case "break" if server.peers:
                        server.peers[-1].connection.transport.abort()
                    case _:
                        await asyncio.sleep(rng.uniform(0.0, 0.01))
            outcomes = [(await channel.broadcast("n", number)).outcome for number in range(3)]
            assert outcomes[-1] == "acked", "the last break may cost one message, not the channel"
            await manager.close()
            assert tasks_of_the_manager() == []


@pytest.mark.parametrize(
    ("url", "apikey", "rule"),
    [
        ("ftp://host/x", "k", "scheme 'ftp'"),
        ("host/realtime/v1", "k", "scheme ''"),
        ("ws://", "k", "host None"),
        ("ws://host/x?apikey=sb_secret", "k", "no query"),
        ("ws://user:sb_secret@host/x", "k", "no query, fragment or password"),
        ("ws://host", "", "apikey must be"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_quoting_secrets(
    url: str, apikey: str, rule: str
) -> None:
    with pytest.raises(InvalidSetting, match=rule) as caught:
        ConnectionManager(url, apikey=apikey)
    assert "sb_secret" not in str(caught.value)


def test_one_manager_cannot_be_used_from_two_loops() -> None:
    manager = ConnectionManager(
        "ws://127.0.0.1:9/x", apikey="k", config=Config(reconnect=ReconnectLadder(first_s=100.0))
    )

    async def start() -> None:
        await manager.start()

    async def use() -> None:
        with pytest.raises(ManagerClosed, match="another event loop"):
            manager.subscribe("room1")

    with asyncio.Runner() as first:
        first.run(start())
        asyncio.run(use())
        first.run(manager.close())
