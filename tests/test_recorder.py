"""The recorder: one clock, no secrets, and who has heard what."""

import io
from typing import Any

from harness.history import Header, Op, Type, op_line
from harness.recorder import ITEMS_MAX, Recorder
from harness.store import HistoryWriter

HEADER = Header(scenario="s", client="c", world="sim", seed=1)


def make() -> tuple[Recorder, HistoryWriter]:
    writer = HistoryWriter(None, HEADER)
    return Recorder(writer), writer


def received(number: object, sender: str = "source", topic: str = "room") -> Op:
    value = {"topic": topic, "id": number, "sender": sender}
    return Op(process="client-0", type="info", f="received", value=value)


def test_a_call_and_its_completion_share_an_id_and_the_worlds_clock() -> None:
    recorder, writer = make()
    recorder.start(iter([1.0, 2.5]).__next__)
    recorder.complete(recorder.invoke("client-0", "leave", {"topic": "room"}), "ok")
    first, second = writer.history()
    assert (first.id, first.time_s, second.time_s) == (second.id, 1.0, 2.5)


def test_tokens_reach_the_client_but_not_the_history() -> None:
    file = io.StringIO()
    recorder = Recorder(HistoryWriter(file, HEADER))
    secret = "eyJhbGciOi.eyJzdWIi.c2ln"
    op = recorder.invoke("client-0", "set_token", {"token_id": "second", "token": secret})
    recorder.complete(op, "info", f"cannot connect to ws://host?apikey={secret}")
    lost = Op(process="client-0", type="info", f="lost", value={"topic": "room", "reason": secret})
    recorder.record(lost)
    assert secret not in file.getvalue()
    assert "second" in file.getvalue()


def test_what_happens_after_the_end_is_not_recorded() -> None:
    recorder, writer = make()
    recorder.info("run", "phase", {"phase": "end"})
    recorder.end()
    recorder.record(received(1))
    assert len(writer.history().ops) == 1


def test_recovery_is_seen_when_every_wanted_channel_has_heard() -> None:
    recorder, _ = make()
    recorder.want("client-0", "room", True)
    recorder.want("client-0", "left", True)
    recorder.want("client-0", "left", False)
    assert not recorder.all_heard({"room": 4}, ["room"])
    recorder.record(received(3))
    recorder.record(received(9, sender="client-1"))
    recorder.record(received("nonsense"))
    assert not recorder.all_heard({"room": 4}, ["room"])
    recorder.record(received(4))
    assert recorder.all_heard({"room": 4}, ["room"])


def test_a_feed_is_live_by_its_clients_word_until_its_channel_is_lost() -> None:
    recorder, _ = make()

    def say(f: str, type: Type = "info", topic: str = "room", **value: Any) -> None:
        recorder.record(Op(process="client-0", type=type, f=f, value={"topic": topic, **value}))

    recorder.want("client-0", "room", True)
    recorder.want("client-0", "plain", True)
    say("subscribe", "invoke", topic="plain")
    assert recorder.all_live(1), "nobody listens"
    say("subscribe", "invoke", changes=[{"table": "numbers"}])
    say("changed", id=3)
    assert not recorder.all_live(3)
    say("feed_live")
    assert recorder.all_live(3)
    assert not recorder.all_live(4)
    say("changed", id="nonsense")
    for word in ("lost", "feed_lost", "closed"):
        say(word, reason="reset")
        assert not recorder.all_live(3)
        say("feed_live")
    recorder.want("client-0", "room", False)
    assert recorder.all_live(9)


def test_what_a_client_says_is_bounded_and_what_we_say_is_whole() -> None:
    recorder, writer = make()
    secret = "eyJhbGciOi.eyJzdWIi.c2ln"
    many = [{"key": secret, "token": secret}] * (2 * ITEMS_MAX)
    recorder.info("client-0", "lost", {"topic": "room", "reason": "gone", "deep": many})
    recorder.info("server", "membership", {"members": [{"conn": n} for n in range(len(many))]})
    said, ours = writer.history()
    assert len(said.value["deep"]) <= ITEMS_MAX
    assert "(cut)" in op_line(said)
    assert "eyJ" not in op_line(said)
    assert len(ours.value["members"]) == len(many)


def test_all_is_answered_once_each_call_that_waits_for_nobody_has_returned() -> None:
    recorder, _ = make()
    recorder.invoke("client-0", "subscribe", {"topic": "room"})
    recorder.invoke("client-0", "broadcast", {"topic": "room", "id": 1})
    assert recorder.all_answered
    leave, close = (recorder.invoke("client-0", f, {}) for f in ("leave", "close"))
    recorder.complete(leave, "ok")
    assert not recorder.all_answered
    recorder.complete(close, "info", "boom")
    assert recorder.all_answered


def test_what_happens_at_one_instant_keeps_its_order_in_time() -> None:
    """A message published just before a fault, at the same instant, was not published after it."""
    recorder, writer = make()
    recorder.start(lambda: 5.0)
    for number in range(3):
        recorder.record(received(number))
    times = [op.time_s for op in writer.history()]
    assert times == sorted(dict.fromkeys(times))
    assert times[-1] < 5.001
