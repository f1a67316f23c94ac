"""A channel's feed of changes: live on the server's word, refused, repeated, silent; its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from harness.manager import (
    ChangeBinding,
    ChannelCore,
    ChannelLost,
    ChannelState,
    Config,
    FeedGap,
    FeedLive,
    FeedLost,
    FeedState,
    InvalidSetting,
    Joined,
    ServerNotice,
)
from harness.protocol import Message
from tests.manager.bench import Bench, recorded, state_of

DB = "realtime:db"
TODOS = ChangeBinding(schema="public", table="todos")
INSERTS = ChangeBinding(event="INSERT", table="todos", filter="id=gt.7")
CRUD = "supabase/pg_todos_crud.v2"
LAG_S = Config().feed_lag_max_s
DEAD_LINK_S = 100_000.0


class Feed:
    """A bench with a channel that has joined and listens."""

    def __init__(self, *bindings: ChangeBinding, **settings: Any) -> None:
        self.bindings: Sequence[ChangeBinding] = bindings or (TODOS,)
        self.bench = Bench(
            Config(
                heartbeat_interval_s=DEAD_LINK_S,
                join_silence_max_s=DEAD_LINK_S,
                **settings,
            )
        )
        self.bench.connect()
        self.channel = self.bench.subscribe("db", changes=self.bindings)
        self.accept()

    def accept(self, answered: Sequence[Any] | None = None) -> None:
        """The server answers the join as it was recorded to: each binding, with an id."""
        entries = [{"id": 7 + n, **one.wire()} for n, one in enumerate(self.bindings)]
        response = {"postgres_changes": entries if answered is None else answered}
        self.bench.reply(self.bench.last("phx_join"), response=response)

    def say(self, status: str = "ok", message: str = "Subscribed to PostgreSQL") -> None:
        """The server says how the subscription went."""
        payload = {"extension": "postgres_changes", "status": status, "message": message}
        join_ref = self.bench.last("phx_join").ref
        self.bench.say(Message(DB, "system", {**payload, "channel": "db"}, None, join_ref))

    def change(self, *ids: int, **data: Any) -> None:
        """The server tells of an insert."""
        row = {"schema": "public", "table": "todos", "type": "INSERT", "record": {"id": 1}, **data}
        payload = {"ids": list(ids or (7,)), "data": row}
        self.bench.say(Message(DB, "postgres_changes", payload))

    def at(self, seconds: float) -> None:
        self.bench.run(until_s=seconds)

    @property
    def state(self) -> FeedState:
        return self.channel.feed.state

    def gaps(self) -> list[tuple[float, float]]:
        return [(gap.from_s, gap.to_s) for gap in self.bench.told(FeedGap)]


def test_the_join_asks_for_the_changes() -> None:
    feed = Feed(TODOS, INSERTS)
    assert feed.bench.last("phx_join").payload["config"]["postgres_changes"] == [
        {"event": "*", "schema": "public", "table": "todos"},
        {"event": "INSERT", "schema": "public", "table": "todos", "filter": "id=gt.7"},
    ]


def test_a_recorded_feed_is_live_after_the_servers_word_and_tells_each_change() -> None:
    bench = Bench()
    bench.connect()
    channel = bench.subscribe("db", changes=[TODOS])
    (answer,) = (m for m in recorded(CRUD, "phx_reply") if "postgres_changes" in str(m.payload))
    bench.say(replace(answer, ref="1", join_ref="1"))
    assert channel.state is ChannelState.JOINED
    assert channel.feed.state is FeedState.SUBSCRIBING
    assert not bench.told(FeedLive)
    for system in recorded(CRUD, "system"):
        bench.say(replace(system, join_ref="1"))
    assert bench.told(FeedLive) == [FeedLive("db")]
    for message in recorded(CRUD, "postgres_changes"):
        bench.say(message)
    kinds = [change.type for change in bench.changes]
    assert kinds[:4] == ["INSERT", "UPDATE", "UPDATE", "DELETE"]
    insert, update, _, delete, *_ = bench.changes
    assert insert.record is not None
    assert insert.record["title"] == "héllo"
    assert insert.old_record is None
    assert update.old_record == {"id": 1001}
    assert (delete.record, delete.old_record) == (None, {"id": 1001})
    assert all(change.bindings == (TODOS,) for change in bench.changes)
    assert insert.commit_timestamp is not None
    assert insert.errors == ()


def test_a_recorded_refusal_leaves_the_channel_joined_and_the_feed_lost() -> None:
    refusals = [
        message
        for message in recorded("supabase/pg_invalid.v1", "system")
        if message.payload["status"] == "error"
    ]
    assert refusals
    for refusal in refusals:
        feed = Feed()
        feed.bench.say(replace(refusal, topic=DB, join_ref=feed.bench.last("phx_join").ref))
        assert state_of(feed.channel) is ChannelState.JOINED
        assert feed.state is FeedState.REFUSED
        assert feed.bench.told(FeedLost)[0].reason == refusal.payload["message"]
        assert feed.bench.told(ServerNotice)[0].status == "error"


def test_the_servers_own_retry_is_believed() -> None:
    """5 to 10 s after an error of its database it tries again, and nobody has to join again."""
    feed = Feed()
    feed.say("error", '{:error, "Too many database timeouts"}')
    feed.at(9.0)
    feed.say()
    assert feed.state is FeedState.LIVE
    feed.at(40.0)
    assert len(feed.bench.sent("phx_join")) == 1


def test_a_first_subscription_tells_of_no_gap() -> None:
    """Whoever shows a table reads it after `FeedLive`: nothing was promised before."""
    feed = Feed()
    feed.at(2.5)
    feed.say()
    assert feed.gaps() == []


def test_a_feed_that_comes_back_tells_of_its_gap_from_its_last_sign() -> None:
    """Not from the last sign of the link: a feed that had died before looked like a quiet one."""
    feed = Feed()
    feed.say()
    feed.at(10.0)
    feed.change()
    feed.at(30.0)
    feed.bench.lose()
    assert [event.reason for event in feed.bench.told(FeedLost)] == ["reset"]
    feed.bench.connect()
    feed.accept()
    joined_s = feed.bench.now_s
    assert feed.gaps() == []
    feed.at(joined_s + 2.5)
    feed.say()
    assert feed.gaps() == [(10.0 - LAG_S, joined_s + 2.5)]
    kinds = [type(event) for event in feed.bench.events]
    assert kinds[-2:] == [FeedLive, FeedGap]
    assert kinds.index(FeedLost) < kinds.index(ChannelLost)


def test_a_change_that_is_read_on_waking_is_a_sign_from_before_the_standstill() -> None:
    feed = Feed()
    feed.say()
    feed.at(10.0)
    feed.bench.stand_still(90.0)
    feed.change()
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    feed.say()
    assert feed.gaps() == [(10.0 - LAG_S, feed.bench.now_s)]


def test_a_change_after_the_answer_to_whoever_woke_is_a_sign_from_now() -> None:
    feed = Feed()
    feed.say()
    feed.bench.stand_still(30.0)
    feed.bench.reply(feed.bench.last("heartbeat"))
    feed.at(35.0)
    feed.change()
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    feed.say()
    assert feed.gaps() == [(35.0 - LAG_S, feed.bench.now_s)]


def test_a_loss_before_the_feed_was_ever_live_is_no_gap() -> None:
    feed = Feed()
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    feed.say()
    assert feed.gaps() == []
    assert feed.bench.told(FeedLost) == []


def test_one_gap_covers_a_refusal_and_the_loss_that_follows() -> None:
    feed = Feed()
    feed.say()
    feed.at(10.0)
    feed.say("error", "no")
    feed.at(12.0)
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    feed.say()
    assert feed.gaps() == [(0.0 - LAG_S, feed.bench.now_s)]


def test_a_repeated_confirmation_is_a_gap_and_no_second_subscription() -> None:
    """After a new token, or for a table that was published, the server subscribes anew."""
    feed = Feed()
    feed.say()
    feed.at(20.0)
    feed.say()
    feed.change()
    assert feed.bench.told(FeedLive) == [FeedLive("db")]
    assert feed.gaps() == [(0.0 - LAG_S, 20.0)]
    assert len(feed.bench.changes) == 1
    assert len(feed.bench.sent("phx_join")) == 1


def test_a_change_proves_the_feed_where_the_servers_word_is_missing() -> None:
    feed = Feed()
    feed.at(3.0)
    feed.change()
    assert feed.state is FeedState.LIVE
    assert feed.bench.told(FeedLive) == [FeedLive("db")]
    assert len(feed.bench.changes) == 1


def test_without_a_confirmation_the_channel_is_joined_again_less_and_less_often() -> None:
    """At first before anybody has given it up, in the end every ten to fifteen minutes; for ever.
    A leave goes before each join: the server would hold two otherwise."""
    feed = Feed()
    while len(feed.bench.sent("phx_join")) < 12:
        joins = len(feed.bench.sent("phx_join"))
        while len(feed.bench.sent("phx_join")) == joins:
            feed.at(feed.bench.deadline_s())
        feed.accept()
    times_s = feed.bench.sent_s("phx_join")
    waits_s = [later - earlier for earlier, later in pairwise(times_s)]
    assert 20.0 <= waits_s[0] <= 32.0
    assert 40.0 <= waits_s[1] <= 62.0
    assert all(600.0 <= wait_s <= 902.0 for wait_s in waits_s[6:])
    assert len(feed.bench.sent("phx_leave")) == 11
    assert len(feed.bench.told(FeedLost)) == 11
    assert "did not confirm" in feed.bench.told(FeedLost)[0].reason


def test_the_steps_begin_anew_after_a_confirmation() -> None:
    feed = Feed()
    feed.at(feed.bench.deadline_s())
    feed.at(feed.bench.now_s + 1.0)
    feed.accept()
    feed.say()
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    assert feed.channel.feed.due_s is not None
    assert 20.0 <= feed.channel.feed.due_s - feed.bench.now_s <= 30.0


def test_a_silent_feed_is_joined_again_and_tells_of_the_whole_silence() -> None:
    """The worker behind it may be dead, and nobody says so (`protocol.md §9`, 6)."""
    feed = Feed()
    feed.say()
    feed.at(10.0)
    feed.change()
    feed.at(69.0)
    assert len(feed.bench.sent("phx_join")) == 1
    feed.at(101.0)
    assert len(feed.bench.sent("phx_join")) == 2
    assert "may be dead" in feed.bench.told(FeedLost)[0].reason
    feed.accept()
    feed.say()
    assert feed.gaps() == [(10.0 - LAG_S, feed.bench.now_s)]


def test_a_table_in_which_nothing_happens_costs_a_join_every_ten_minutes() -> None:
    feed = Feed()
    for _ in range(10):
        feed.say()
        joins = len(feed.bench.sent("phx_join"))
        while len(feed.bench.sent("phx_join")) == joins:
            feed.at(feed.bench.deadline_s())
        feed.accept()
    times_s = feed.bench.sent_s("phx_join")
    waits_s = [later - earlier for earlier, later in pairwise(times_s)]
    assert 60.0 <= waits_s[0] <= 92.0
    assert all(600.0 <= wait_s <= 902.0 for wait_s in waits_s[4:])


def test_each_change_puts_the_silence_off() -> None:
    feed = Feed()
    feed.say()
    for second in range(50, 1000, 50):
        feed.at(float(second))
        feed.change()
    assert len(feed.bench.sent("phx_join")) == 1


def test_a_quiet_feed_is_trusted_where_that_is_said() -> None:
    feed = Feed(feed_silence_ladder_s=())
    feed.say()
    feed.at(DEAD_LINK_S / 2)
    assert len(feed.bench.sent("phx_join")) == 1


def test_bindings_are_known_by_what_they_say_whatever_the_order() -> None:
    """A server that answers in another order, with null for no filter, or with more keys."""
    feed = Feed(TODOS, INSERTS)
    feed.bench.lose()
    feed.bench.connect()
    feed.accept(
        [
            {"id": 0, **INSERTS.wire(), "select": None},
            {"id": 9, **TODOS.wire(), "filter": None},
        ]
    )
    feed.change(9, 0)
    feed.change(0)
    assert [change.bindings for change in feed.bench.changes] == [(TODOS, INSERTS), (INSERTS,)]


def test_a_feed_is_not_whole_without_a_binding_that_the_server_does_not_echo() -> None:
    feed = Feed(TODOS, INSERTS)
    feed.bench.lose()
    feed.bench.connect()
    feed.accept([{"id": 1, **TODOS.wire()}, {"id": True}, "x"])
    assert "lacks ChangeBinding(event='INSERT'" in feed.bench.told(FeedLost)[-1].reason
    feed.say()
    feed.change(1)
    assert feed.bench.told(FeedLive) == []
    assert len(feed.bench.changes) == 1
    feed.at(feed.bench.now_s + 32.0)
    assert len(feed.bench.sent("phx_join")) == 3


def test_two_identical_bindings_are_told_once() -> None:
    feed = Feed(TODOS, TODOS)
    feed.bench.lose()
    feed.bench.connect()
    feed.accept([{"id": 7, **TODOS.wire()}, {"id": 7, **TODOS.wire()}])
    feed.change(7, 7)
    assert [change.bindings for change in feed.bench.changes] == [(TODOS,)]


def test_what_nobody_asked_for_is_counted_and_not_told() -> None:
    feed = Feed()
    feed.change(99)
    assert feed.bench.changes == []
    assert feed.bench.core.stats.stale == 1
    assert feed.state is FeedState.SUBSCRIBING


@pytest.mark.parametrize(
    "payload",
    [
        "x",
        {"ids": "7", "data": {}},
        {"ids": [True], "data": {}},
        {"ids": [7]},
        {"ids": [7], "data": {"schema": "public", "table": "todos", "type": 1}},
        {"ids": [7], "data": {"schema": "p", "table": "t", "type": "INSERT", "record": [1]}},
        {"ids": [7], "data": {"schema": "p", "table": "t", "type": "INSERT", "errors": 5}},
    ],
)
def test_a_change_that_does_not_read_is_counted_and_harms_nothing(payload: Any) -> None:
    feed = Feed()
    feed.bench.say(Message(DB, "postgres_changes", payload))
    assert feed.bench.core.stats.malformed == 1
    assert feed.bench.changes == []
    feed.change()
    assert len(feed.bench.changes) == 1


def test_a_refused_row_says_why() -> None:
    feed = Feed()
    feed.change(record={}, commit_timestamp=None, errors=["Error 401: Unauthorized"])
    (change,) = feed.bench.changes
    assert change.errors == ("Error 401: Unauthorized",)
    assert change.commit_timestamp is None


def test_a_word_for_an_earlier_join_is_not_taken() -> None:
    feed = Feed()
    first = feed.bench.last("phx_join").ref
    feed.bench.lose()
    feed.bench.connect()
    feed.accept()
    payload = {"extension": "postgres_changes", "status": "ok", "message": "Subscribed"}
    feed.bench.say(Message(DB, "system", payload, None, first))
    assert feed.state is FeedState.SUBSCRIBING


def test_nothing_is_heard_of_a_channel_that_was_left() -> None:
    feed = Feed()
    feed.say()
    feed.bench.unsubscribe(feed.channel)
    feed.change()
    feed.say()
    assert feed.bench.changes == []
    assert feed.bench.told(FeedLost) == []
    assert feed.state is FeedState.OFF


def test_a_channel_without_bindings_has_no_feed() -> None:
    bench = Bench()
    channel: ChannelCore = bench.joined("db")
    payload = {"extension": "postgres_changes", "status": "ok", "message": "Subscribed"}
    bench.say(Message(DB, "system", payload, None, bench.last("phx_join").ref))
    assert channel.feed.state is FeedState.OFF
    assert channel.feed.due_s is None
    assert bench.told(Joined)
    assert not bench.told(FeedLive)


def test_a_manager_that_stops_tells_of_no_loss_and_then_of_the_gap() -> None:
    feed = Feed()
    feed.say()
    feed.at(5.0)
    feed.bench.stop()
    assert feed.bench.told(FeedLost) == []
    feed.bench.connect()
    feed.accept()
    feed.say()
    assert feed.gaps() == [(0.0 - LAG_S, feed.bench.now_s)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"event": "insert"}, "event='insert': say one of INSERT, UPDATE, DELETE"),
        ({"table": ""}, "table=''"),
        ({"schema": None}, "schema=None"),
        ({"filter": " "}, "filter=' '"),
    ],
)
def test_a_binding_that_cannot_be_is_refused(given: Any, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words.replace("*", r"\*")):
        ChangeBinding(**given)


@pytest.mark.parametrize("name", ["feed_confirm_ladder_s", "feed_silence_ladder_s"])
def test_a_ladder_with_a_step_of_no_time_is_refused(name: str) -> None:
    settings: Any = {name: (1.0, 0.0)}
    with pytest.raises(InvalidSetting, match=name):
        Config(**settings)


def test_a_feed_that_is_not_confirmed_must_have_a_wait() -> None:
    with pytest.raises(InvalidSetting, match="a step at least"):
        Config(feed_confirm_ladder_s=())
