"""Who is hit when the tenant has too much of something, with which words, and who is not."""

from __future__ import annotations

from typing import Any

import pytest

from fake_server.effects import HangupWhenRead
from fake_server.features import quota
from tests.fake_server.core_stage import Client, Core, ending, reason, status

MESSAGE = {"type": "broadcast", "event": "x", "payload": {}}
TOO_MANY_MESSAGES = "Too many messages per second"


def joined(core: Core, topic: str = "room", **config: Any) -> Client:
    """A new connection that has joined a topic, without presence."""
    client = core.client()
    assert status(client.join(topic, enabled=False, **config)) == "ok"
    return client


def send(client: Client, times: int, topic: str = "room") -> list[Any]:
    """Broadcast so often; what came back in the end."""
    frames = []
    for _ in range(times):
        frames = client.push("broadcast", MESSAGE, topic)
    return frames


def noisy(**config: Any) -> tuple[Core, Client, Client]:
    """Five seconds after one of two sent 10 messages: 20 events are 2 a second."""
    core = Core(**config)
    speaker, listener = joined(core), joined(core)
    send(speaker, 10)
    core.now_s += 5
    return core, speaker, listener


def test_receivers_of_too_many_messages_get_the_message_then_the_error_and_are_out() -> None:
    _, speaker, listener = noisy(events_per_s_max=2)
    send(speaker, 1)
    message, *end = speaker.heard[listener.conn]
    assert message[3:] == ["broadcast", MESSAGE]
    assert ending(end) == TOO_MANY_MESSAGES
    assert reason(listener.push("broadcast", MESSAGE)) == "unmatched topic"


def test_who_sends_too_many_messages_goes_on() -> None:
    core = Core(events_per_s_max=2)
    speaker = joined(core, broadcast={"ack": True})
    joined(core)
    send(speaker, 10)
    core.now_s += 5
    assert status(send(speaker, 1)) == "ok"
    assert status(send(speaker, 1)) == "ok"


def test_who_hears_itself_is_a_receiver_too_after_its_ack() -> None:
    core = Core(events_per_s_max=2)
    speaker = joined(core, broadcast={"ack": True, "self": True})
    send(speaker, 10)
    core.now_s += 5
    message, ack, *end = send(speaker, 1)
    assert (message[3], ack[3]) == ("broadcast", "phx_reply")
    assert ending(end) == TOO_MANY_MESSAGES


def test_each_message_counts_once_and_once_for_each_receiver() -> None:
    """5 broadcasts, 2 receivers, one of them the sender: 15 (the real server's own test)."""
    core = Core()
    speaker = joined(core, broadcast={"self": True})
    joined(core)
    send(speaker, 5)
    core.now_s += 5
    assert core.node.limits.events.average(core.now_s) == 15 / 2 / 5


def test_the_time_since_the_first_join_is_in_the_average() -> None:
    """A burst 12 s after the join is one of four buckets, those at 0, 5, 10 and 15 s."""
    core = Core()
    speaker, _ = joined(core), joined(core)
    core.now_s += 12
    send(speaker, 10)
    core.now_s += 3
    assert core.node.limits.events.average(core.now_s) == 20 / 4 / 5
    assert core.node.limits.presence.average(core.now_s) == 0


def test_an_unknown_event_counts_and_a_heartbeat_and_a_join_do_not() -> None:
    core = Core()
    client = joined(core)
    client.push("nonsense", {})
    client.core.node.receive(client.conn, '[null, "9", "phoenix", "heartbeat", {}]', core.now_s)
    core.now_s += 5
    assert core.node.limits.events.average(core.now_s) == 1 / 2 / 5


def test_a_message_that_was_refused_does_not_count() -> None:
    core = Core(payload_kb_max=1)
    client = joined(core)
    client.push("broadcast", {"d": "x" * 2000})
    core.now_s += 5
    assert core.node.limits.events.average(core.now_s) == 0


def test_just_below_the_limit_nobody_is_hit() -> None:
    _, speaker, listener = noisy(events_per_s_max=3)
    send(speaker, 1)
    assert [frame[3] for frame in speaker.heard[listener.conn]] == ["broadcast"]


def test_rejoining_works_while_too_many_messages_are_sent() -> None:
    _, speaker, listener = noisy(events_per_s_max=2)
    send(speaker, 1)
    assert status(listener.join(enabled=False)) == "ok"


def test_a_join_too_many_is_answered_then_the_whole_socket_is_closed() -> None:
    core = Core(joins_per_s_max=1)
    client = core.client()
    for number in range(10):
        assert status(client.join(f"room-{number}", enabled=False)) == "ok"
    core.now_s += 5
    frame = '["1", "1", "realtime:late", "phx_join", {"config": {}}]'
    effects = core.node.receive(client.conn, frame, core.now_s)
    reply = core.sent(effects)[client.conn]
    assert reason(reply) == "ClientJoinRateLimitReached: Too many joins per second"
    assert effects[-1] == HangupWhenRead(client.conn, 1001)


def test_a_join_too_many_does_not_count_as_a_join() -> None:
    """Else a storm would keep itself out for ever."""
    core = Core(joins_per_s_max=1)
    client = core.client()
    for number in range(10):
        client.join(f"room-{number}", enabled=False)
    core.now_s += 5
    assert core.client().join()[0][4]["status"] == "error"
    core.now_s += 5
    assert core.node.limits.joins.average(core.now_s) == 10 / 3 / 5


def test_a_connection_is_a_user_from_its_first_join_to_its_end() -> None:
    core = Core(users_max=1)
    first, second = joined(core), core.client()
    words = "ConnectionRateLimitReached: Too many connected users"
    assert reason(second.join()) == words
    assert status(first.join("another", enabled=False)) == "ok"
    first.push("phx_leave", {})
    first.push("phx_leave", {}, "another")
    assert reason(second.join()) == words
    first.close()
    assert status(second.join()) == "ok"


def test_one_channel_too_many_is_refused_and_a_left_one_makes_room() -> None:
    core = Core(channels_per_client_max=1)
    client = joined(core)
    assert reason(client.join("another")) == "ChannelRateLimitReached: Too many channels"
    client.push("phx_leave", {})
    assert status(client.join("another")) == "ok"


@pytest.mark.parametrize("enabled", [True, False])
def test_too_many_presences_end_the_channel_that_tracks_or_asks(enabled: bool) -> None:
    core = Core(presence_events_per_s_max=0)
    first = core.client()
    first.join()
    first.track({"a": 1})
    core.now_s += 5
    frames = core.client().join(enabled=enabled)
    assert status(frames) == "ok"
    end = frames[1:] if enabled else first.track({"a": 2})
    assert ending(end) == "Too many presence messages per second"


def test_changes_over_the_limit_do_not_pass_and_say_nothing() -> None:
    core = Core(events_per_s_max=2)
    state = core.node._state
    assert quota.changes_pass(state, matches=20, now_s=core.now_s)
    assert not quota.changes_pass(state, matches=1, now_s=core.now_s + 5)
    assert state.limits.changes.average(core.now_s + 10) == 20 / 3 / 5
    assert core.node.limits.events.average(core.now_s + 5) == 0


def test_presence_counts_each_state_each_track_and_each_diff_delivered() -> None:
    core = Core()
    first, second = core.client(), core.client()
    first.join()
    second.join()
    first.track({"a": 1})
    core.now_s += 5
    assert core.node.limits.presence.average(core.now_s) == (2 + 1 + 2) / 2 / 5
    assert core.node.limits.events.average(core.now_s) == 0
