"""Calls of one client that meet: which two, on which topic, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any

from harness.nemesis.levers import ApiCall, Moment
from harness.nemesis.parameters import SECONDS, Parameter, one_of, whole

CALLS = ("open", "subscribe", "leave", "broadcast", "set_token", "close")
"""Every call of the client contract."""

ASIDE = "aside"
"""A topic of the races alone; whatever happened there, the application does not want it after."""

TOPICS: Mapping[str, str | None] = MappingProxyType({"workload": None, "aside": ASIDE})
TURNS_MAX = 1000

_NEEDS_A_CHANNEL = ("leave", "broadcast")

_TOPIC_MEANING = "where: a topic of the workload, joined before; or one aside, not joined before"
PAIR = (
    Parameter("first", one_of(*CALLS), "leave", "the call that begins"),
    Parameter("second", one_of(*CALLS), "subscribe", "the call that begins before that has ended"),
    Parameter("topic", one_of(*TOPICS), "workload", _TOPIC_MEANING),
)
APART = (
    Parameter("gap_s", SECONDS, 0.0, "how long after the first the second begins", "seconds"),
    Parameter(
        "turns", whole(0, TURNS_MAX), 0, "and how many turns of the calling event loop after that"
    ),
    Parameter(
        "jitter_s", SECONDS, 0.0, "and up to so much more, drawn from the run's seed", "seconds"
    ),
)
CANCELLED = (
    Parameter("call", one_of(*CALLS), "subscribe", "which call"),
    Parameter("topic", one_of(*TOPICS), "aside", _TOPIC_MEANING),
    Parameter("cancel_after_s", SECONDS, 0.0, "how long it may run", "seconds"),
    Parameter(
        "turns", whole(0, TURNS_MAX), 0, "and how many turns of the calling event loop after that"
    ),
)


def pair(values: Mapping[str, Any]) -> tuple[ApiCall, ApiCall]:
    """The two calls, one right after the other."""
    topic = TOPICS[values["topic"]]
    return ApiCall(values["first"], topic), ApiCall(values["second"], topic)


def pair_rule(values: Mapping[str, Any]) -> str | None:
    """Nothing comes before the pair: what its first call needs must be there already."""
    if values["topic"] == ASIDE and values["first"] in _NEEDS_A_CHANNEL:
        return f"first={values['first']!r} needs a joined topic; say topic='workload'"
    return None


def race(values: Mapping[str, Any], rng: Random) -> Sequence[ApiCall]:
    """The two calls as far apart as is said, after what the first of them needs."""
    topic, gap_s = TOPICS[values["topic"]], values["gap_s"]
    if values["jitter_s"]:
        gap_s += rng.uniform(0, values["jitter_s"])
    begins = Moment(gap_s, values["turns"])
    before = _before(values["first"], topic)
    first = ApiCall(values["first"], topic, waits=bool(before))
    return *before, first, ApiCall(values["second"], topic, begins=begins)


def cancelled(values: Mapping[str, Any]) -> Sequence[ApiCall]:
    """The call that is cancelled, after what it needs. What should have ended is said again."""
    call, topic = values["call"], TOPICS[values["topic"]]
    moment = Moment(values["cancel_after_s"], values["turns"])
    before = _before(call, topic)
    after = (ApiCall(call, topic, waits=True),) if call in ("leave", "close") else ()
    return *before, ApiCall(call, topic, waits=bool(before), cancelled=moment), *after


def _before(call: str, topic: str | None) -> tuple[ApiCall, ...]:
    """What makes the call one that has something to do."""
    if call == "open":
        return (ApiCall("close"),)
    if topic == ASIDE and call in _NEEDS_A_CHANNEL:
        return (ApiCall("subscribe", topic),)
    return ()
