"""The signs by which a fault shows in a history."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from harness.checkers.course import course
from harness.checkers.delivery import percentile
from harness.checkers.feed import Feeds, feeds_of
from harness.checkers.spans import Span, Spans, wanted, word
from harness.checkers.traffic import Channel, Traffic, traffic
from harness.history import History, Op

LATE_FACTOR = 3.0
LATE_S = 0.1
"""A late message took three times as long as those of the steady state, and this much longer."""
SLOW_JOIN_S = 1.0
SLOW_CALL_S = 1.0

_NO_CLIENTS = ("source", "nemesis", "server", "network", "run")

SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "disconnect": "the server saw a connection end",
        "refused": "the server refused an upgrade",
        "dial": "a connect was refused or lost (where the world sees connects)",
        "lost": "a client said that a channel was lost",
        "missed": "a message of the source never came to a channel that wanted it",
        "missed_change": "a change of a table never came to a channel that listens to it",
        "late": "a message took three times as long as in the steady state, and 0.1 s longer",
        "slow_join": "a join took more than a second, or was never answered",
        "slow_call": "a call of a client failed, had no sure end, or took more than a second",
        "hits": "the server or the application counted what it struck",
    }
)
"""What can show that a fault was felt, by name."""


class Sign(NamedTuple):
    """Something that a fault can have done."""

    time_s: float
    name: str
    """Of `SIGNS`."""
    words: str
    client: str = ""
    """Whose trouble it is; nobody's by name where the history cannot say."""


def signs_of(history: History) -> list[Sign]:
    """Every sign that the run holds, in order of time."""
    seen = traffic(history)
    signs = [sign for op in history.ops if (sign := _sign(op))]
    signs += _lost(seen, wanted(history))
    signs += _missed_changes(feeds_of(history))
    signs += _late(seen, course(history).first_fault_s)
    signs += _slow_joins(history)
    signs += _slow_calls(history)
    return sorted(signs)


def _sign(op: Op) -> Sign | None:
    """What one op says of trouble with a connection."""
    says = _SIGNS.get(op.f)
    words = says(op) if says else None
    client = str(op.value.get("client") or "") if op.process in _NO_CLIENTS else op.process
    return Sign(op.time_s, op.f, words, client) if words else None


_SIGNS: Mapping[str, Callable[[Op], str | None]] = {
    "disconnect": lambda op: f"a connection of {op.value['client']} ended",
    "refused": lambda op: f"an upgrade was refused with {op.value['status']}",
    "dial": lambda op: (
        f"a connect was {op.value['outcome']}" if op.value["outcome"] != "accepted" else None
    ),
    "lost": lambda op: f"{op.process} lost {op.value['topic']!r}",
}


def _lost(seen: Traffic, wants: Spans) -> Iterator[Sign]:
    """Messages that never came to a channel that was wanted."""
    for channel, spans in wants.items():
        had = {receipt.id: None for receipt in seen.of(channel)}
        for id, time_s in seen.published.get(channel[1], {}).items():
            if id not in had and any(time_s in span for span in spans):
                words = f"message {id} never came to {channel[0]}"
                yield Sign(time_s, "missed", words, channel[0])


def _missed_changes(feeds: Feeds) -> Iterator[Sign]:
    """Changes that never came to a channel that listened."""
    for channel, spans in feeds.wanted.items():
        had = {receipt.id: None for receipt in feeds.received.get(channel, ())}
        for id, time_s in feeds.committed.items():
            if id not in had and any(time_s in span for span in spans):
                words = f"change {id} never came to {channel[0]}"
                yield Sign(time_s, "missed_change", words, channel[0])


def _late(seen: Traffic, first_fault_s: float) -> Iterator[Sign]:
    """Messages that took notably longer than those of the steady state; each at its publication."""
    usual_s = percentile(sorted(_steady_latencies_s(seen, first_fault_s)), 99)
    if usual_s is None:
        return
    late_s = max(LATE_FACTOR * usual_s, usual_s + LATE_S)
    for (client, topic), receipts in seen.receipts.items():
        published = seen.published.get(topic, {})
        for time_s, id in receipts:
            took_s = time_s - published.get(id, time_s)
            if took_s > late_s:
                words = f"a message took {took_s:.2f} s to {client}"
                yield Sign(published[id], "late", words, client)


def _steady_latencies_s(seen: Traffic, first_fault_s: float) -> Iterator[float]:
    for (_, topic), receipts in seen.receipts.items():
        published = seen.published.get(topic, {})
        for time_s, id in receipts:
            if time_s >= first_fault_s:
                break
            if id in published:
                yield time_s - published[id]


def _slow_joins(history: History) -> Iterator[Sign]:
    """Joins that the server got and whose client did not say within a second that it has joined."""
    claims: dict[Channel, list[float]] = {}
    for op in history.ops:
        if word(op):
            claims.setdefault((op.process, op.value["topic"]), []).append(op.time_s)
    for op in history.where("frame", process="server"):
        if op.value["event"] == "phx_join":
            channel = str(op.value["client"]), op.value["topic"]
            said = claims.get(channel, [])
            index = bisect_left(said, op.time_s)
            in_time = Span(op.time_s, op.time_s + SLOW_JOIN_S)
            if index == len(said) or said[index] not in in_time:
                words = f"a join of {channel[0]} took more than {SLOW_JOIN_S:g} s"
                yield Sign(op.time_s, "slow_join", words, channel[0])


def _slow_calls(history: History) -> Iterator[Sign]:
    """Calls of clients that failed, that nobody knows the end of, or that took long."""
    open_calls: dict[object, Op] = {}
    for op in history.ops:
        if op.process in _NO_CLIENTS:
            continue
        if op.type == "invoke":
            open_calls[op.id] = op
        elif op.id in open_calls:
            began = open_calls.pop(op.id)
            if op.type != "ok" or op.time_s - began.time_s > SLOW_CALL_S:
                words = f"a {op.f} of {op.process} went ill"
                yield Sign(began.time_s, "slow_call", words, op.process)
    for op in open_calls.values():
        words = f"a {op.f} of {op.process} had no end"
        yield Sign(op.time_s, "slow_call", words, op.process)
