"""One channel's core: whose close is whose, tokens, leaves, gaps, and what becomes of a send."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from harness.manager import (
    ChannelClosed,
    ChannelLost,
    ChannelState,
    Config,
    Failure,
    Gap,
    Joined,
    JoinFailed,
    Overflowed,
    ServerNotice,
)
from harness.protocol import Kind, Message
from tests.manager.bench import Bench, recorded, state_of

ROOM = "realtime:room1"


def test_the_join_is_what_the_protocol_says() -> None:
    bench = Bench(token="jwt")
    bench.joined(receive_own=True)
    (join,) = bench.sent("phx_join")
    assert (join.topic, join.ref, join.join_ref) == (ROOM, "1", "1")
    assert join.payload == {
        "config": {
            "broadcast": {"ack": True, "self": True},
            "presence": {"key": "", "enabled": False},
            "postgres_changes": [],
            "private": False,
        },
        "access_token": "jwt",
    }


def test_without_a_token_the_join_names_none() -> None:
    """The server then takes the connection's own; a null would be a token that does not parse."""
    bench = Bench()
    bench.joined()
    assert "access_token" not in bench.last("phx_join").payload


def test_the_recorded_close_of_an_older_join_is_ignored() -> None:
    """Phoenix answers the new join first and closes the old channel then: seven ways of losing a
    healthy channel came from taking that close for one's own.
    """
    bench = Bench()
    channel = bench.joined()
    bench.run(until_s=1.0)
    bench.lose()
    bench.connect()
    bench.reply(bench.last("phx_join"))
    (stale,) = (m for m in recorded("supabase/duplicate_join.v2", "phx_close") if m.join_ref == "1")
    bench.say(replace(stale, topic=ROOM))
    bench.end("1", event="phx_error")
    assert state_of(channel) is ChannelState.JOINED
    assert bench.core.stats.stale == 2


def test_the_recorded_close_of_the_current_join_is_taken() -> None:
    """A token expired: the server says why, closes, and the channel is joined anew."""
    bench = Bench()
    channel = bench.joined("tk")
    for event in ("system", "phx_close"):
        for message in recorded("supabase/access_token_expired.v2", event):
            bench.say(message)
    assert state_of(channel) is ChannelState.WAITING
    (lost,) = bench.told(ChannelLost)
    assert "Token has expired 10 seconds ago" in lost.reason
    assert bench.told(ServerNotice)[0].status == "error"
    bench.run_for(1.0)
    assert len(bench.sent("phx_join")) == 2


def test_a_recorded_crash_on_the_server_is_followed_by_a_join() -> None:
    bench = Bench()
    channel = bench.joined()
    (crash,) = recorded("phoenix/channel_crash.v2", "phx_error")
    bench.say(replace(crash, topic=ROOM))
    assert state_of(channel) is ChannelState.WAITING
    bench.run_for(1.0)
    bench.reply(bench.last("phx_join"))
    assert state_of(channel) is ChannelState.JOINED


def test_a_late_join_answer_does_not_join() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.lose()
    bench.connect()
    first = bench.last("phx_join")
    bench.run_for(10.0)
    assert state_of(channel) is ChannelState.WAITING
    bench.reply(first)
    assert state_of(channel) is ChannelState.WAITING
    bench.run_for(2.0)
    second = bench.last("phx_join")
    assert second.ref != first.ref
    bench.end(first.ref)
    bench.reply(second)
    assert state_of(channel) is ChannelState.JOINED


def test_an_unanswered_join_is_taken_back() -> None:
    """Without the leave the server would hold a join that nobody owns."""
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.run(until_s=10.0)
    (leave,) = bench.sent("phx_leave")
    assert leave.join_ref == bench.sent("phx_join")[0].ref
    assert "not answered" in bench.told(JoinFailed)[0].reason


def test_one_join_is_outstanding_at_a_time() -> None:
    """Each join of a topic is settled, by an answer or by a leave, before the next is sent."""
    bench = Bench(Config(heartbeat_interval_s=10_000.0, join_silence_max_s=10_000.0))
    bench.connect()
    bench.subscribe()
    bench.run(until_s=600.0)
    order = [m.event for _, m in bench.written if m.event in ("phx_join", "phx_leave")]
    assert len(order) > 20
    assert ("phx_join", "phx_join") not in pairwise(order)


def test_refused_joins_back_off_and_never_stop() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    for _ in range(30):
        bench.reply(bench.last("phx_join"), "error", {"reason": "UnableToConnectToProject: …"})
        joins = len(bench.sent("phx_join"))
        while len(bench.sent("phx_join")) == joins:
            bench.run(until_s=bench.deadline_s())
            bench.say(Message(ROOM, "presence_diff", {}))
    gaps_s = [b - a for a, b in pairwise(bench.sent_s("phx_join"))]
    assert gaps_s[0] <= 1.0
    assert all(5.0 <= gap_s <= 10.0 for gap_s in gaps_s[4:])
    assert "UnableToConnectToProject" in bench.told(JoinFailed)[0].reason


def test_a_channel_that_is_accepted_and_thrown_out_backs_off_too() -> None:
    """Forgetting its failures at the join would rejoin once a second for ever."""
    bench = Bench()
    bench.joined()
    for _ in range(8):
        bench.end(bench.last("phx_join").ref, event="phx_error")
        joins = len(bench.sent("phx_join"))
        while len(bench.sent("phx_join")) == joins:
            bench.run(until_s=bench.deadline_s())
        bench.reply(bench.last("phx_join"))
    gaps_s = [b - a for a, b in pairwise(bench.sent_s("phx_join"))]
    assert all(5.0 <= gap_s <= 10.0 for gap_s in gaps_s[4:])


def test_a_channel_that_lived_a_while_rejoins_quickly() -> None:
    bench = Bench()
    bench.joined()
    for _ in range(5):
        bench.now_s += 11.0
        bench.end(bench.last("phx_join").ref)
        joins = len(bench.sent("phx_join"))
        bench.run_for(1.0)
        assert len(bench.sent("phx_join")) == joins + 1
        bench.reply(bench.last("phx_join"))


def test_after_a_rate_limit_the_join_waits_longer() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.reply(bench.last("phx_join"), "error", {"reason": "ChannelRateLimitReached: Too many"})
    assert bench.told(JoinFailed)[0].retry_in_s >= 15.0


def test_a_new_link_ends_the_wait_of_a_channel() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.reply(bench.last("phx_join"), "error", {"reason": "ChannelRateLimitReached: Too many"})
    bench.lose()
    bench.connect()
    assert len(bench.sent("phx_join")) == 2


def test_a_channel_whose_join_was_on_the_way_joins_on_the_new_link() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.lose()
    bench.connect()
    assert len(bench.sent("phx_join")) == 2


def test_a_new_token_goes_to_joined_channels_at_once_and_into_later_joins() -> None:
    bench = Bench(token="first")
    bench.joined()
    bench.set_token("second")
    assert bench.last("access_token").payload == {"access_token": "second"}
    assert bench.last("access_token").join_ref == "1"
    bench.lose()
    bench.connect()
    assert bench.last("phx_join").payload["access_token"] == "second"


def test_a_token_set_while_the_join_is_on_its_way_is_not_lost() -> None:
    bench = Bench(token="first")
    bench.connect()
    bench.subscribe()
    bench.set_token("second")
    assert not bench.sent("access_token")
    bench.reply(bench.last("phx_join"))
    assert bench.last("access_token").payload == {"access_token": "second"}


def test_an_unchanged_token_is_not_sent_again() -> None:
    bench = Bench(token="first")
    bench.joined()
    bench.set_token("first")
    assert not bench.sent("access_token")


EXPIRED = "InvalidJWTToken: Token has expired 5 seconds ago"


def refused(bench: Bench, reason: str, times: int) -> None:
    """The newest join is refused, and each that follows."""
    for left in reversed(range(times)):
        bench.reply(bench.last("phx_join"), "error", {"reason": reason})
        joins = len(bench.sent("phx_join"))
        while left and len(bench.sent("phx_join")) == joins:
            bench.run(until_s=bench.deadline_s())


def test_a_new_token_ends_the_wait_of_a_channel_that_was_refused_for_the_old_one() -> None:
    bench = Bench(token="old")
    bench.connect()
    bench.subscribe()
    refused(bench, EXPIRED, times=3)
    assert bench.told(JoinFailed)[-1].retry_in_s >= 15.0
    bench.set_token("new")
    bench.run(until_s=bench.now_s + 0.5)
    assert bench.last("phx_join").payload["access_token"] == "new"
    refused(bench, EXPIRED, times=1)
    assert bench.told(JoinFailed)[-1].retry_in_s <= 1.0, "what the old token met is forgotten"


def test_a_new_token_does_not_cut_the_wait_after_another_refusal() -> None:
    bench = Bench(token="old")
    bench.connect()
    bench.subscribe()
    refused(bench, "UnableToConnectToProject: …", times=4)
    bench.set_token("new")
    bench.run(until_s=bench.now_s + 2.0)
    assert len(bench.sent("phx_join")) == 4


def test_a_refusal_that_comes_after_a_new_token_is_the_old_ones() -> None:
    bench = Bench(token="old")
    bench.connect()
    bench.subscribe()
    refused(bench, EXPIRED, times=2)
    bench.run(until_s=bench.deadline_s())
    bench.set_token("new")
    refused(bench, EXPIRED, times=1)
    assert bench.told(JoinFailed)[-1].retry_in_s <= 1.0


def test_unsubscribing_waits_for_the_recorded_answer() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.unsubscribe(channel)
    assert state_of(channel) is ChannelState.LEAVING
    bench.reply(bench.last("phx_leave"))
    assert state_of(channel) is ChannelState.GONE
    for message in recorded("supabase/leave.v2", "phx_close"):
        bench.say(message)
    assert len(bench.told(ChannelClosed)) == 1
    bench.run(until_s=bench.now_s + 4)
    assert len(bench.sent("phx_join")) == 1


def test_unsubscribing_during_a_join_leaves_nothing_on_the_server() -> None:
    """The server answers the join, then handles the leave: without one it would keep the join."""
    bench = Bench()
    bench.connect()
    channel = bench.subscribe()
    bench.unsubscribe(channel)
    (join,), (leave,) = bench.sent("phx_join"), bench.sent("phx_leave")
    assert leave.join_ref == join.ref
    bench.reply(join)
    assert not bench.told(Joined)
    bench.reply(leave)
    assert state_of(channel) is ChannelState.GONE


def test_unsubscribing_offline_needs_no_server() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.lose()
    bench.unsubscribe(channel)
    assert state_of(channel) is ChannelState.GONE
    bench.connect()
    assert len(bench.sent("phx_join")) == 1


def test_a_link_lost_while_leaving_finishes_the_leave() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.unsubscribe(channel)
    bench.lose()
    assert state_of(channel) is ChannelState.GONE
    bench.connect()
    assert len(bench.sent("phx_join")) == 1


def test_a_leave_that_is_not_answered_ends_in_time() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.unsubscribe(channel)
    bench.run_for(5.0)
    assert state_of(channel) is ChannelState.GONE


def test_an_unanswered_leave_is_said_again_until_it_is_answered() -> None:
    """The server's application hung for a moment and lost it: nothing may stay joined there."""
    bench = Bench(Config(heartbeat_interval_s=1000.0))
    channel = bench.joined()
    bench.unsubscribe(channel)
    bench.run_for(11.0)
    leaves = bench.sent("phx_leave")
    assert [leave.join_ref for leave in leaves] == ["1", "1", "1"]
    bench.reply(leaves[-1])
    bench.run_for(100.0)
    assert len(bench.sent("phx_leave")) == 3
    assert bench.core.stats.stale == 0


def test_a_leave_that_nobody_ever_answers_is_given_up() -> None:
    bench = Bench(Config(heartbeat_interval_s=1000.0, leaves_max=4))
    bench.unsubscribe(bench.joined())
    bench.run_for(200.0)
    assert len(bench.sent("phx_leave")) == 4


def test_a_new_join_or_a_new_link_makes_the_old_leave_needless() -> None:
    for change in (Bench.subscribe, Bench.lose):
        bench = Bench(Config(heartbeat_interval_s=1000.0))
        bench.unsubscribe(bench.joined())
        bench.run_for(1.0)
        change(bench)
        bench.run_for(8.0)
        assert len(bench.sent("phx_leave")) == 1


def test_unsubscribing_twice_is_once() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.unsubscribe(channel)
    bench.unsubscribe(channel)
    assert len(bench.sent("phx_leave")) == 1


def test_the_same_topic_again_while_the_old_channel_is_leaving() -> None:
    """The old channel's close, late as it is, must not hit the new one."""
    bench = Bench()
    old = bench.joined()
    bench.unsubscribe(old)
    new = bench.subscribe()
    bench.run_for(0.1)
    join, leave = bench.last("phx_join"), bench.last("phx_leave")
    bench.reply(leave)
    bench.reply(join)
    bench.end("1")
    assert state_of(old) is ChannelState.GONE
    assert state_of(new) is ChannelState.JOINED


def test_the_end_of_a_channel_is_told_before_its_successor_joins() -> None:
    """Events name a topic: a late one would be taken for the end of the new channel."""
    bench = Bench()
    old = bench.joined()
    bench.unsubscribe(old)
    bench.subscribe()
    assert state_of(old) is ChannelState.GONE
    assert [event.reason for event in bench.told(ChannelClosed)] == ["unsubscribed"]
    bench.run_for(0.1)
    bench.reply(bench.last("phx_join"))
    bench.reply(bench.last("phx_leave"))
    assert len(bench.told(ChannelClosed)) == 1
    assert len(bench.told(Joined)) == 2


def test_after_unsubscribing_nothing_is_delivered() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.unsubscribe(channel)
    bench.say(Message(ROOM, "broadcast", {"event": "e", "payload": 1}))
    assert not bench.delivered


def test_nothing_is_delivered_before_the_join_is_answered() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.say(Message(ROOM, "broadcast", {"event": "e", "payload": 1}))
    assert not bench.delivered


def test_a_gap_begins_at_the_last_sign_of_life() -> None:
    """A dead link is dead long before it is noticed: what was sent meanwhile may be missing."""
    bench = Bench()
    bench.joined()
    bench.run(until_s=10.0)
    bench.say(Message(ROOM, "broadcast", {"event": "e", "payload": 1}))
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    bench.connect()
    bench.reply(bench.last("phx_join"))
    (gap,) = bench.told(Gap)
    lag_s = Config().broadcast_lag_max_s
    assert (gap.topic, gap.from_s, gap.to_s) == ("room1", 10.0 - lag_s, bench.now_s)
    assert isinstance(bench.events[-2], Joined)


@pytest.mark.parametrize("ends", ["lost", "closed"])
@pytest.mark.parametrize("proven", [False, True])
def test_a_gap_begins_before_the_standstill_unless_an_answer_has_proven_more(
    ends: str, proven: bool
) -> None:
    """What is read on waking has lain in the kernel's buffer: all that followed it may be lost."""
    bench = Bench()
    bench.joined()
    bench.run(until_s=10.0)
    bench.stand_still(90.0)
    if proven:
        bench.reply(bench.last("heartbeat"))
    bench.now_s += 0.5
    bench.say(Message(ROOM, "broadcast", {"event": "e", "payload": 1}))
    if ends == "lost":
        bench.lose()
        bench.connect()
    else:
        bench.end(bench.last("phx_join").ref)
        bench.run_for(2.0)
    bench.reply(bench.last("phx_join"))
    (gap,) = bench.told(Gap)
    last_sign_s = 100.5 if proven else 10.0
    assert gap.from_s == last_sign_s - Config().broadcast_lag_max_s
    assert bench.delivered == [("e", 1)]


def test_the_first_join_and_a_join_that_failed_first_are_no_gap() -> None:
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.lose()
    bench.connect()
    bench.reply(bench.last("phx_join"))
    assert not bench.told(Gap)


def test_a_broadcast_is_acked_only_by_the_servers_ok() -> None:
    bench = Bench()
    channel = bench.joined()
    message = bench.send(channel, {"a": 1})
    pushed = bench.last("broadcast")
    assert (pushed.kind, pushed.join_ref) == (Kind.USER_BROADCAST_PUSH, "1")
    assert (pushed.payload.event, pushed.payload.payload) == ("n", b'{"a":1}')
    assert bench.outcome(message) is None
    bench.reply(pushed)
    assert bench.outcome(message) == "acked"


def test_the_recorded_refusal_of_a_large_payload_is_a_failure() -> None:
    """The reason comes as a bare string there."""
    bench = Bench()
    channel = bench.joined("pl")
    message = bench.send(channel)
    refusals = recorded("supabase/limit_payload_size.v2", "phx_reply")
    refusal = next(m for m in refusals if m.payload["status"] == "error")
    bench.say(replace(refusal, ref=bench.last("broadcast").ref))
    assert bench.results[message].outcome == "failed"
    assert "payload_size_exceeded" in bench.results[message].reason
    assert state_of(channel) is ChannelState.JOINED


def test_a_server_that_does_not_know_the_topic_is_joined_again() -> None:
    """Its recorded answer proves that it does not hold the join that we believe in."""
    bench = Bench()
    channel = bench.joined()
    message = bench.send(channel)
    refusals = recorded("supabase/leave.v2", "phx_reply")
    refusal = next(m for m in refusals if m.payload["status"] == "error")
    bench.say(replace(refusal, ref=bench.last("broadcast").ref))
    assert bench.outcome(message) == "failed"
    assert state_of(channel) is ChannelState.WAITING
    bench.run_for(1.0)
    assert len(bench.sent("phx_join")) == 2


def test_what_is_sent_offline_is_written_after_the_rejoin_in_order() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.lose()
    messages = [bench.send(channel, number) for number in range(5)]
    bench.connect()
    assert not bench.sent("broadcast"), "a push on a topic that is not joined is refused"
    bench.reply(bench.last("phx_join"))
    assert [m.payload.payload for m in bench.sent("broadcast")] == [b"0", b"1", b"2", b"3", b"4"]
    for pushed in bench.sent("broadcast"):
        bench.reply(pushed)
    assert {bench.outcome(message) for message in messages} == {"acked"}


def test_what_was_written_is_never_written_again() -> None:
    """Nobody can know whether it arrived: sending it again could deliver it twice."""
    bench = Bench()
    channel = bench.joined()
    message = bench.send(channel)
    bench.lose(Failure("reset by peer"))
    assert bench.outcome(message) == "unknown"
    assert "reset by peer" in bench.results[message].reason
    bench.connect()
    bench.reply(bench.last("phx_join"))
    assert len(bench.sent("broadcast")) == 1


def test_a_send_that_waits_too_long_expires_and_is_not_written_later() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.lose()
    message = bench.send(channel, timeout_s=0.5)
    bench.run(until_s=0.5)
    assert bench.outcome(message) == "expired"
    bench.connect()
    bench.reply(bench.last("phx_join"))
    assert not bench.sent("broadcast")


def test_a_written_send_without_an_answer_is_unknown_and_a_late_answer_changes_nothing() -> None:
    bench = Bench()
    channel = bench.joined()
    message = bench.send(channel, timeout_s=2.0)
    bench.run(until_s=2.0)
    assert bench.outcome(message) == "unknown"
    bench.reply(bench.last("broadcast"))
    assert bench.outcome(message) == "unknown"


def test_a_send_that_is_given_up_makes_room_for_the_next() -> None:
    bench = Bench(Config(in_flight_max=1))
    channel = bench.joined()
    bench.send(channel, 1, timeout_s=1.0)
    bench.send(channel, 2, timeout_s=9.0)
    assert len(bench.sent("broadcast")) == 1
    bench.run(until_s=1.0)
    assert len(bench.sent("broadcast")) == 2


def test_a_send_on_a_crashed_channel_is_unknown() -> None:
    bench = Bench()
    channel = bench.joined()
    message = bench.send(channel)
    bench.end("1", event="phx_error")
    assert bench.outcome(message) == "unknown"


def test_a_full_buffer_is_told_in_the_result_and_as_an_event() -> None:
    bench = Bench(Config(send_buffer_max=3, send_buffer_bytes_max=100))
    channel = bench.subscribe()
    bench.start()
    kept = [bench.send(channel, number) for number in range(3)]
    over = bench.send(channel, 3)
    assert bench.outcome(over) == "overflowed"
    assert [bench.outcome(message) for message in kept] == [None, None, None]
    (event,) = bench.told(Overflowed)
    assert (event.buffered, event.buffered_bytes) == (3, 3)


def test_the_buffer_is_bounded_in_bytes_too() -> None:
    bench = Bench(Config(send_buffer_bytes_max=100))
    channel = bench.subscribe()
    bench.start()
    assert bench.outcome(bench.send(channel, "x" * 90)) is None
    assert bench.outcome(bench.send(channel, "x" * 20)) == "overflowed"
    assert bench.outcome(bench.send(channel, "x" * 5)) is None


def test_only_so_many_sends_wait_for_their_answers() -> None:
    bench = Bench(Config(in_flight_max=2))
    channel = bench.joined()
    for number in range(4):
        bench.send(channel, number)
    assert len(bench.sent("broadcast")) == 2
    bench.reply(bench.sent("broadcast")[0])
    assert len(bench.sent("broadcast")) == 3


def test_without_acks_nothing_is_claimed() -> None:
    bench = Bench()
    channel = bench.joined(ack=False)
    assert bench.outcome(bench.send(channel)) == "unknown"
    assert len(bench.sent("broadcast")) == 1


def test_unsubscribing_fails_what_waits_and_still_takes_answers() -> None:
    bench = Bench(Config(in_flight_max=1))
    channel = bench.joined()
    written, waiting = bench.send(channel), bench.send(channel)
    bench.unsubscribe(channel)
    assert bench.outcome(waiting) == "failed"
    bench.reply(bench.last("broadcast"))
    assert bench.outcome(written) == "acked"
    assert bench.outcome(bench.send(channel)) == "failed"


def test_stopping_settles_everything() -> None:
    bench = Bench(Config(in_flight_max=1))
    channel = bench.joined()
    written, waiting = bench.send(channel), bench.send(channel)
    bench.stop()
    assert (bench.outcome(written), bench.outcome(waiting)) == ("unknown", "failed")
    assert bench.outcome(bench.send(channel)) == "failed"


@pytest.mark.parametrize("seed", range(20))
def test_every_send_ends_exactly_once(seed: int) -> None:
    """Whatever happens to the link: each message has one result, and `acked` only with an ok."""
    bench = Bench(Config(in_flight_max=3, send_buffer_max=5), seed=seed)
    channel = bench.joined()
    rng, messages = bench.core._rng, []
    answered: dict[bytes, None] = {}
    for number in range(200):
        messages.append(bench.send(channel, number, timeout_s=rng.uniform(0.1, 5.0)))
        act = rng.choice(["lose", "connect", "answer", "answer", "wait", "join"])
        if act == "lose" and bench.core.state.value == "connected":
            bench.lose()
        elif act == "connect" and bench.core.state.value != "connected":
            bench.connect()
        elif act == "join" and channel.state is ChannelState.JOINING:
            bench.reply(bench.last("phx_join"))
        elif act == "answer" and bench.sent("broadcast"):
            pushed = rng.choice(bench.sent("broadcast")[-3:])
            answered[pushed.payload.payload] = None
            if bench.core.state.value == "connected":
                bench.reply(pushed)
        else:
            bench.run_for(rng.uniform(0.0, 2.0))
    bench.stop()
    assert [m for m in messages if m not in bench.results] == []
    acked = [m.data for m in messages if bench.outcome(m) == "acked"]
    assert acked
    assert set(acked) <= set(answered)
    never = {m.data for m in messages if bench.outcome(m) in ("expired", "overflowed")}
    assert never.isdisjoint(m.payload.payload for m in bench.sent("broadcast"))
