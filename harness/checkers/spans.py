"""Spans of time: when a channel was wanted, and when its client claimed that it was joined."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.checkers.traffic import Channel
from harness.history import History, Op


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, in seconds; infinity where the run ended first."""

    from_s: float
    to_s: float = math.inf

    def __contains__(self, moment_s: float) -> bool:
        return self.from_s <= moment_s < self.to_s


Spans = Mapping[Channel, list[Span]]

_SAYS_JOINED = frozenset({("joined", "info"), ("subscribe", "ok")})
_SAYS_NOT_JOINED = frozenset({("lost", "info"), ("closed", "info"), ("leave", "invoke")})


def wanted(history: History) -> Spans:
    """When the application wanted each channel."""
    return spans_of(
        ((op.value["client"], op.value["topic"]), op.time_s, bool(op.value["wanted"]))
        for op in history.where("wanted", process="run")
    )


def claimed(history: History) -> Spans:
    """When each client claimed that a channel was joined."""
    return spans_of(said(history, word))


def said(
    history: History, word: Callable[[Op], bool | None]
) -> Iterator[tuple[Channel, float, bool]]:
    """What ops say of their channels by `word`, yes or no, in order of time. A client that is being
    closed says no of each. What a call answers was so at some time since it began: a no that came
    meanwhile may be the newer word, and stands.
    """
    spoken_of: dict[str, dict[Channel, None]] = defaultdict(dict)
    denials: dict[Channel, int] = defaultdict(int)
    at_call: dict[int | None, int] = {}
    for op in history.ops:
        yes = word(op)
        channel = op.process, str(op.value.get("topic"))
        if op.type == "invoke":
            at_call[op.id] = denials[channel]
        if yes is not None:
            spoken_of[op.process][channel] = None
            denials[channel] += not yes
            if not (yes and denials[channel] > at_call.get(op.id, math.inf)):
                yield channel, op.time_s, yes
        elif op.f == "close" and op.type == "invoke":
            for channel in spoken_of[op.process]:
                yield channel, op.time_s, False


def word(op: Op) -> bool | None:
    """What an op says of its channel: True for joined, False for not joined, None for neither."""
    if op.process == "server":
        return None
    kind = op.f, op.type
    if kind in _SAYS_JOINED:
        return True
    return False if kind in _SAYS_NOT_JOINED else None


def last_word(history: History, channel: Channel, word: Callable[[Op], bool | None] = word) -> str:
    """What the client last said of a channel by `word`, yes or no, for people."""
    client, topic = channel
    for op in reversed(history.ops):
        if op.process == client and op.value.get("topic") == topic and word(op) is not None:
            reason = f" ({op.value['reason']})" if op.value.get("reason") else ""
            return f"its last word was {op.f!r}{reason} at {op.time_s:.1f} s"
    return "it never said anything of it"


def spans_of(changes: Iterable[tuple[Channel, float, bool]]) -> Spans:
    """Spans from changes in order of time; a change to what already holds changes nothing."""
    spans: dict[Channel, list[Span]] = defaultdict(list)
    for channel, time_s, on in changes:
        of_channel = spans[channel]
        is_on = bool(of_channel) and of_channel[-1].to_s == math.inf
        if on and not is_on:
            of_channel.append(Span(time_s))
        elif is_on and not on:
            of_channel[-1] = Span(of_channel[-1].from_s, time_s)
    return {channel: of_channel for channel, of_channel in spans.items() if of_channel}
