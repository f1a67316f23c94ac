"""Broadcasts on their way: what can be sent, how much may wait, and how each one ends."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.manager import Config, InvalidSetting
from harness.manager.sends import Outbox, Outgoing, outgoing


def message(size: int = 1, expires_s: float = 10.0) -> Outgoing:
    return Outgoing("n", b"x" * size, "binary", expires_s)


def test_what_is_changed_after_the_call_is_sent_as_it_was() -> None:
    payload = {"a": [1]}
    sent = outgoing("n", payload)
    payload["a"].append(2)
    assert sent.data == b'{"a":[1]}'


@pytest.mark.parametrize(
    ("payload", "data", "encoding"),
    [
        (None, b"null", "json"),
        ("ö", '"ö"'.encode(), "json"),
        (b"\x00", b"\x00", "binary"),
        (bytearray(b"a"), b"a", "binary"),
    ],
)
def test_payloads_as_they_go_over_the_wire(payload: Any, data: bytes, encoding: str) -> None:
    sent = outgoing("n", payload)
    assert (sent.data, sent.encoding) == (data, encoding)


@pytest.mark.parametrize("payload", [object(), {1j: 1}, math.nan, "\ud800", {"token": {1, 2}}])
def test_what_is_no_json_is_refused_without_quoting_it(payload: Any) -> None:
    with pytest.raises(InvalidSetting, match="broadcast 'n' is not JSON") as caught:
        outgoing("n", payload)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("event", ["", "x" * 256, "\ud800", 3, None])
def test_an_event_that_no_frame_can_carry_is_refused(event: Any) -> None:
    with pytest.raises(InvalidSetting, match="event"):
        outgoing(event, 1)


def test_a_message_is_not_shown_in_a_repr() -> None:
    assert "secret" not in repr(outgoing("n", "secret"))


def test_room_is_counted_in_messages_and_bytes_and_given_back() -> None:
    box = Outbox(Config(send_buffer_max=2, send_buffer_bytes_max=10))
    assert box.offer(message(6))
    assert not box.offer(message(5))
    assert box.offer(message(4))
    assert not box.offer(message(0))
    assert box.take() is not None
    assert (len(box), box.waiting_bytes) == (1, 4)
    assert box.offer(message(6))


def test_withdrawing_twice_counts_once() -> None:
    box = Outbox(Config())
    one, other = message(3), message(5)
    box.offer(one)
    box.offer(other)
    box.withdraw(one)
    box.withdraw(one)
    assert (len(box), box.waiting_bytes) == (1, 5)


def test_time_ends_what_waits_and_what_is_written_in_their_own_ways() -> None:
    box = Outbox(Config())
    for expires_s in (1.0, 2.0, 3.0):
        box.offer(message(expires_s=expires_s))
    first = box.take()
    assert first is not None
    box.written("1", first)
    assert box.deadline_s() == 1.0
    outcomes = [result.outcome for _, result in box.expire(2.0)]
    assert outcomes == ["expired", "unknown"]
    assert box.deadline_s() == 3.0
    assert box.answered("1") is None
