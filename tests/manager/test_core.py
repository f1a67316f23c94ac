"""The connection's core, fed with facts: dial, heartbeat, back-off, pacing, and who is heard."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.manager import (
    AlreadySubscribed,
    Cause,
    ChannelLost,
    ChannelState,
    Config,
    Connected,
    DialFailed,
    Failure,
    InvalidSetting,
    Lost,
    MalformedReceived,
    Rejected,
    State,
    Stopped,
)
from harness.manager.failures import of_close, of_status
from harness.protocol import Kind, Message, UserBroadcast
from tests.manager.bench import TEXT, Bench, recorded, state_of

DETECTION_MAX_S = 1.2 * 25


def answer_heartbeats(bench: Bench, *, until_s: float) -> None:
    """A healthy server: time passes, and each heartbeat is answered."""
    while bench.now_s < until_s:
        before = len(bench.sent("heartbeat"))
        bench.run(until_s=min(until_s, bench.deadline_s()))
        for message in bench.sent("heartbeat")[before:]:
            bench.reply(message)


def drop_at_once(bench: Bench, *, until_s: float, failure: Failure) -> None:
    """A server that accepts each connection and then closes it."""
    bench.start()
    while bench.now_s < until_s:
        bench.opened()
        bench.lose(failure)
        bench.run(until_s=bench.deadline_s())


def test_starting_twice_dials_once() -> None:
    bench = Bench()
    bench.start()
    bench.start()
    assert bench.dialled_s == [0.0]


def test_a_refused_dial_is_repeated_for_ever() -> None:
    """An outage of a day: a client that gives up is dead, silently, until somebody restarts it."""
    bench = Bench()
    bench.start()
    while bench.now_s < 24 * 3600:
        bench.refuse()
        bench.run(until_s=bench.deadline_s())
    gaps_s = [after - before for before, after in pairwise(bench.dialled_s)]
    assert gaps_s[0] <= 1.0
    assert all(15.0 <= gap_s <= 30.0 for gap_s in gaps_s[6:])
    bench.opened()
    assert state_of(bench.core) is State.CONNECTED


def test_a_server_that_accepts_and_closes_is_not_hammered() -> None:
    """The counter lives on through the handshake: 800 handshakes a second were seen elsewhere."""
    for code in (1000, 1001, 1008, 1011, 1012, 4401):
        for seed in range(20):
            bench = Bench(seed=seed)
            drop_at_once(bench, until_s=60.0, failure=of_close(code))
            assert len(bench.dialled_s) <= 14, f"close {code}, seed {seed}"


def test_a_normal_close_is_no_reason_to_stay_away() -> None:
    bench = Bench()
    bench.connect()
    bench.lose(of_close(1000))
    bench.run_for(1.0)
    assert len(bench.dialled_s) == 2


def test_failures_are_forgotten_only_after_a_link_has_proven_itself() -> None:
    """Ten seconds and an accepted join; either alone is not enough."""
    for lived_s, accepts, forgotten in [
        (11.0, True, True),
        (9.0, True, False),
        (11.0, False, False),
    ]:
        bench = Bench()
        bench.start()
        for _ in range(6):
            bench.refuse()
            bench.run(until_s=bench.deadline_s())
        bench.subscribe()
        bench.opened()
        if accepts:
            bench.reply(bench.last("phx_join"))
        bench.now_s += lived_s
        bench.lose()
        assert (bench.told(Lost)[-1].retry_in_s <= 1.0) is forgotten, (lived_s, accepts)


def test_a_link_without_channels_proves_itself_by_its_heartbeat() -> None:
    bench = Bench()
    bench.start()
    for _ in range(6):
        bench.refuse()
        bench.run(until_s=bench.deadline_s())
    bench.opened()
    answer_heartbeats(bench, until_s=bench.now_s + 30)
    bench.lose()
    assert bench.told(Lost)[-1].retry_in_s <= 1.0


def test_a_silent_server_is_found_dead_within_a_heartbeat_and_a_fifth() -> None:
    """`mute_app` and every black hole: TCP and WebSocket are fine, and nobody is there."""
    bench = Bench()
    bench.joined()
    silent_since_s = bench.now_s
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    assert bench.now_s - silent_since_s <= DETECTION_MAX_S
    assert not bench.hung_up[0].politely, "a dead peer would not answer a close frame"
    assert bench.told(ChannelLost)
    assert state_of(bench.core) is State.BACKING_OFF
    bench.run_for(1.0)
    assert len(bench.dialled_s) == 2


def test_silence_right_after_a_reply_is_found_in_time_too() -> None:
    bench = Bench()
    bench.joined()
    bench.run(until_s=25.0)
    bench.reply(bench.last("heartbeat"))
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    assert bench.now_s - 25.0 <= DETECTION_MAX_S


def test_any_message_counts_as_life() -> None:
    """A reply may be stuck behind a burst: the link that delivers the burst is not dead."""
    bench = Bench()
    bench.joined()
    for _ in range(60):
        bench.run_for(4.0)
        bench.say(Message("realtime:room1", "broadcast", {"event": "e", "payload": 1}))
    assert state_of(bench.core) is State.CONNECTED
    assert not bench.hung_up


def test_a_malformed_frame_is_told_and_ignored() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.hear("[1,2")
    bench.hear('[null,null,"realtime:room1","broadcast",3]')
    assert bench.core.stats.malformed == 2
    assert len(bench.told(MalformedReceived)) == 2
    assert state_of(channel) is ChannelState.JOINED


def test_a_link_that_died_while_we_slept_is_found_within_two_seconds() -> None:
    """`laptop-sleep` of `failures.md` A7: it must not take a heartbeat's interval."""
    bench = Bench()
    bench.joined()
    bench.run(until_s=10.0)
    bench.stand_still(45.0)
    assert bench.sent_s("heartbeat")[-1] == 55.0
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    assert bench.now_s - 55.0 <= 2.0
    assert bench.core.stats.standstills == 1


def test_a_link_that_outlived_our_sleep_is_kept() -> None:
    """Asked once: what is overdue after a standstill is one heartbeat, whatever was missed."""
    bench = Bench()
    bench.joined()
    bench.run(until_s=10.0)
    bench.stand_still(50.0)
    bench.run(until_s=bench.now_s + 1.0)
    assert len(bench.sent_s("heartbeat")) == 1
    bench.reply(bench.last("heartbeat"))
    answer_heartbeats(bench, until_s=bench.now_s + 60.0)
    assert not bench.hung_up
    assert len(bench.dialled_s) == 1


def test_a_slow_link_has_its_usual_time_after_a_sleep() -> None:
    bench = Bench()
    bench.joined()
    bench.run(until_s=25.0)
    bench.now_s += 2.0
    bench.reply(bench.last("heartbeat"))
    bench.stand_still(10.0)
    bench.run(until_s=bench.now_s + 3.9)
    assert not bench.hung_up
    bench.run(until_s=bench.now_s + 0.2)
    assert bench.hung_up


def test_a_standstill_without_a_link_changes_nothing() -> None:
    bench = Bench()
    bench.start()
    bench.stand_still(600.0)
    assert state_of(bench.core) is State.CONNECTING
    assert bench.core.stats.standstills == 0


def test_traffic_does_not_postpone_heartbeats() -> None:
    """The server counts only what it receives, and closes the socket after 60 s without."""
    bench = Bench()
    bench.joined()
    for second in range(10, 301, 10):
        answer_heartbeats(bench, until_s=second)
        bench.say(Message("realtime:room1", "broadcast", {"event": "e", "payload": 1}))
    times_s = bench.sent_s("heartbeat")
    assert len(times_s) == 12
    assert all(after - before == pytest.approx(25.0) for before, after in pairwise(times_s))


def test_a_server_that_is_busy_joining_is_not_taken_for_dead() -> None:
    """Joins are served one by one, and each that fails takes 5 s: the heartbeat waits its turn."""
    bench = Bench()
    bench.connect()
    bench.run(until_s=24.0)
    for number in range(5):
        bench.subscribe(f"room{number}")
    joins = bench.sent("phx_join")
    for join in joins:
        bench.run_for(5.0)
        bench.reply(join, "error", {"reason": "UnableToConnectToProject: …"})
    assert not bench.hung_up


def test_a_dead_server_is_found_although_joins_are_unanswered() -> None:
    """The allowance for joins must not be renewed by each rejoin."""
    bench = Bench()
    bench.connect()
    bench.subscribe()
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    assert bench.now_s == pytest.approx(22.0)


def test_the_wait_for_a_join_begins_anew_with_each_sign_of_life() -> None:
    """One of two joins is answered: the server is at work, and the other has its full time."""
    bench = Bench(Config(heartbeat_interval_s=1000.0))
    bench.connect()
    bench.subscribe("a")
    bench.subscribe("b")
    bench.run(until_s=9.0)
    bench.reply(bench.sent("phx_join")[0])
    while not bench.hung_up:
        bench.run(until_s=bench.deadline_s())
    assert bench.now_s == pytest.approx(9.0 + 22.0)


def test_a_join_that_was_ended_is_no_longer_waited_for() -> None:
    for closed in (True, False):
        bench = Bench()
        bench.connect()
        bench.subscribe()
        assert bench.core.silence_allowed_s() == 10.0
        bench.end("1") if closed else bench.lose()
        assert bench.core.silence_allowed_s() == 5.0


def test_the_slowest_honest_refusal_of_a_join_is_waited_for() -> None:
    """15 s for the server's database and 5 s before it says so: 20 s without a word."""
    bench = Bench()
    bench.connect()
    bench.subscribe()
    bench.run(until_s=20.0)
    bench.reply(bench.sent("phx_join")[0], "error", {"reason": "UnableToConnectToProject: …"})
    bench.run(until_s=24.0)
    assert not bench.hung_up


def test_the_old_links_pending_heartbeat_does_not_kill_the_new_link() -> None:
    bench = Bench()
    bench.joined()
    bench.run(until_s=26.0)
    bench.lose()
    bench.connect()
    bench.reply(bench.last("phx_join"))
    bench.run_for(20.0)
    assert state_of(bench.core) is State.CONNECTED


def test_one_heartbeat_an_interval_after_many_reconnects() -> None:
    bench = Bench()
    bench.joined()
    for _ in range(50):
        bench.lose()
        bench.connect()
    bench.reply(bench.last("phx_join"))
    before = len(bench.sent("heartbeat"))
    answer_heartbeats(bench, until_s=bench.now_s + 101)
    assert len(bench.sent("heartbeat")) - before == 4


def test_what_an_old_link_still_says_is_ignored() -> None:
    bench = Bench()
    channel = bench.joined()
    old, frame = bench.link, '["1","1","realtime:room1","phx_close",{}]'
    bench.lose()
    bench.connect()
    bench.reply(bench.last("phx_join"))
    bench.core.received(old, frame, bench.now_s)
    bench.core.lost(old, Failure("late news"), bench.now_s)
    bench.core.dial_failed(old, Failure("late news"), bench.now_s)
    bench.core.opened(old, bench.now_s)
    bench.core.written(old, 10**9)
    assert state_of(bench.core) is State.CONNECTED
    assert state_of(channel) is ChannelState.JOINED


def test_after_a_drain_clients_come_back_spread_over_twenty_seconds() -> None:
    delays_s = []
    for seed in range(200):
        bench = Bench(seed=seed)
        bench.connect()
        bench.lose(of_close(1012))
        delays_s.append(bench.told(Lost)[0].retry_in_s)
    assert max(delays_s) <= 20.0
    assert min(delays_s) < 1.0
    assert max(delays_s) > 19.0


def test_retry_after_is_honoured() -> None:
    bench = Bench()
    bench.start()
    bench.refuse(of_status(429, retry_after_s=30.0))
    bench.run(until_s=600.0)
    assert bench.dialled_s[1] >= 30.0


def test_a_refused_key_is_told_and_tried_slowly() -> None:
    """HTTP 401 says the same for ever: three quick attempts, then only the last step."""
    bench = Bench()
    bench.start()
    for _ in range(6):
        bench.refuse(of_status(401, "Token has expired"))
        bench.run(until_s=bench.deadline_s())
    assert [event.http_status for event in bench.told(Rejected)] == [401] * 6
    assert "Token has expired" in bench.told(Rejected)[0].reason
    gaps_s = [after - before for before, after in pairwise(bench.dialled_s)]
    assert max(gaps_s[:2]) <= 2.0
    assert min(gaps_s[2:]) >= 15.0


def test_a_new_token_ends_the_wait_after_a_refusal() -> None:
    bench = Bench(token="old")
    bench.start()
    for _ in range(4):
        bench.refuse(of_status(403))
        bench.run(until_s=bench.deadline_s())
    bench.refuse(of_status(403))
    dials = len(bench.dialled_s)
    bench.set_token("old")
    assert len(bench.dialled_s) == dials, "nothing new, so nothing to try"
    bench.set_token("new")
    assert len(bench.dialled_s) == dials + 1


def test_a_new_token_does_not_cut_an_ordinary_wait() -> None:
    bench = Bench()
    bench.start()
    bench.refuse()
    bench.set_token("new")
    assert len(bench.dialled_s) == 1


def test_each_transition_is_told_once() -> None:
    bench = Bench()
    bench.start()
    bench.refuse()
    bench.run(until_s=bench.deadline_s())
    bench.opened()
    bench.lose()
    bench.stop()
    assert [type(event) for event in bench.events] == [DialFailed, Connected, Lost, Stopped]


def test_after_stop_nothing_is_pending() -> None:
    """Whatever it was doing: no deadline is left, and no dial comes."""
    for prepare in (Bench.start, Bench.connect, Bench.joined):
        for losing in (False, True):
            bench = Bench()
            prepare(bench)
            if losing and bench.core.state is State.CONNECTED:
                bench.lose()
            elif losing:
                bench.refuse()
            bench.stop()
            dials = len(bench.dialled_s)
            assert bench.core.next_deadline() is None
            bench.run_for(1000.0)
            assert len(bench.dialled_s) == dials


def test_stop_hangs_up_politely_only_where_somebody_listens() -> None:
    bench = Bench()
    bench.start()
    bench.stop()
    assert [hang_up.politely for hang_up in bench.hung_up] == [False]
    bench.connect()
    bench.stop()
    assert [hang_up.politely for hang_up in bench.hung_up] == [False, True]


def test_stopping_is_no_loss() -> None:
    bench = Bench()
    bench.joined()
    bench.stop()
    assert not bench.told(ChannelLost)
    assert not bench.told(Lost)


def test_stop_then_start_takes_the_subscriptions_up_again() -> None:
    bench = Bench()
    channel = bench.joined()
    bench.stop()
    assert state_of(channel) is ChannelState.WAITING
    bench.connect()
    bench.run_for(0.1)
    bench.reply(bench.last("phx_join"))
    assert state_of(channel) is ChannelState.JOINED


def test_joins_keep_the_pace() -> None:
    """150 channels against the server's 100 joins a second: no limit is hit, and it ends soon."""
    bench = Bench()
    bench.start()
    for number in range(150):
        bench.subscribe(f"room{number}")
    bench.opened()
    bench.run_for(150 / 80 + 0.1)
    times_s = bench.sent_s("phx_join")
    assert len(times_s) == 150
    assert all(after - before >= 1 / 80 - 1e-9 for before, after in pairwise(times_s))


def test_the_same_topic_twice_is_an_error() -> None:
    bench = Bench()
    bench.subscribe("room1")
    with pytest.raises(AlreadySubscribed, match="'room1' is subscribed already"):
        bench.subscribe("room1")


@pytest.mark.parametrize("topic", ["", "realtime:room1", "x" * 250, "\ud800", 7, None])
def test_a_topic_that_cannot_be_is_refused(topic: object) -> None:
    with pytest.raises(InvalidSetting, match="topic"):
        Bench().core.subscribe(topic, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["", None])
def test_the_token_cannot_be_unset(token: object) -> None:
    """A provider that fails must not log everybody out."""
    with pytest.raises(InvalidSetting, match="token"):
        Bench().core.set_token(token)  # type: ignore[arg-type]


def test_a_full_backlog_holds_broadcasts_back_and_lets_heartbeats_through() -> None:
    """A black hole fills the socket's buffers: what waits then must wait within a bound."""
    bench = Bench(Config(write_backlog_bytes_max=1000))
    channel = bench.joined()
    outlet = bench.core._outlet
    outlet.backlog_bytes = 1000
    waiting = bench.send(channel, timeout_s=60.0)
    assert not bench.sent("broadcast")
    bench.run(until_s=26.0)
    assert bench.sent("heartbeat")
    bench.core.written(bench.link, 1000)
    bench.collect()
    bench.reply(bench.last("broadcast"))
    assert bench.outcome(waiting) == "acked"


def test_a_new_link_begins_without_the_backlog_of_the_old() -> None:
    bench = Bench(Config(write_backlog_bytes_max=1000))
    channel = bench.joined()
    bench.core._outlet.backlog_bytes = 1000
    bench.lose()
    bench.connect()
    bench.reply(bench.last("phx_join"))
    bench.send(channel)
    assert len(bench.sent("broadcast")) == 1


def test_recorded_broadcasts_reach_the_callback() -> None:
    bench = Bench()
    bench.joined()
    for message in recorded("supabase/broadcast_ack.v2", "broadcast"):
        bench.say(message)
    assert bench.delivered[0][0] == "ev"
    assert bench.delivered[0][1]["hello"] == "wörld"


def test_every_kind_of_broadcast_is_delivered_as_it_was_sent() -> None:
    bench = Bench()
    bench.joined()
    topic = "realtime:room1"
    json = UserBroadcast("j", b'{"a":1}', "json")
    binary = UserBroadcast("b", b"\x01\x02", "binary")
    bench.say(Message(topic, "broadcast", {"event": "t", "payload": [1]}))
    bench.say(Message(topic, "broadcast", json, kind=Kind.USER_BROADCAST))
    bench.say(Message(topic, "broadcast", binary, kind=Kind.USER_BROADCAST))
    bench.say(Message(topic, "broadcast", b"raw", kind=Kind.BROADCAST))
    assert bench.delivered == [
        ("t", [1]),
        ("j", {"a": 1}),
        ("b", b"\x01\x02"),
        ("broadcast", b"raw"),
    ]


def test_a_broadcast_that_lies_about_being_json_is_malformed() -> None:
    bench = Bench()
    bench.joined()
    lie = UserBroadcast("j", b"{", "json")
    bench.say(Message("realtime:room1", "broadcast", lie, kind=Kind.USER_BROADCAST))
    assert not bench.delivered
    assert bench.core.stats.malformed == 1


def test_an_unknown_reply_and_an_unknown_event_change_nothing() -> None:
    bench = Bench()
    channel = bench.joined()
    reply = {"status": "ok", "response": {}}
    bench.say(Message("realtime:room1", "phx_reply", reply, ref="999", join_ref=None))
    bench.say(Message("realtime:elsewhere", "phx_reply", reply, ref="1", join_ref="1"))
    bench.say(Message("realtime:room1", "phx_reply", reply, ref=None, join_ref=None, kind=TEXT))
    bench.say(Message("realtime:room1", "never_heard_of", {}))
    assert bench.core.stats.stale == 3
    assert state_of(channel) is ChannelState.JOINED


def test_the_same_seed_gives_the_same_delays() -> None:
    """Nothing but the generator that was given decides: a run can be replayed."""

    def delays(seed: int) -> list[float]:
        bench = Bench(seed=seed)
        drop_at_once(bench, until_s=100.0, failure=Failure("x", Cause.DROP))
        return bench.dialled_s

    assert delays(3) == delays(3)
    assert delays(3) != delays(4)
