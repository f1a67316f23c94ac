"""Steady state: the run began healthy, or what came later shows nothing of the client."""

from __future__ import annotations

from harness.checkers.course import course
from harness.checkers.delivery import findings
from harness.checkers.spans import claimed, wanted
from harness.checkers.traffic import Channel, Traffic, traffic
from harness.checkers.words import count, examples, listed
from harness.history import History
from harness.verdict import Outcome, Verdict

_FIRST_CALLS = ("open", "subscribe")


def steady_state(history: History) -> Verdict:
    """Each channel wanted before the first fault joined, received something, and lost nothing."""
    until_s = course(history).first_fault_s
    seen, claims = traffic(history), claimed(history)
    channels = [channel for channel, spans in wanted(history).items() if spans[0].from_s < until_s]
    if failed := _first_failure(history, until_s):
        return _unhealthy(failed, channels)
    if not channels:
        return _unhealthy("no client wanted a channel before the first fault", [])
    not_joined = [
        channel
        for channel in channels
        if not any(claim.from_s < until_s for claim in claims.get(channel, ()))
    ]
    if not_joined:
        return _unhealthy(f"{_names(not_joined)} did not join before the first fault", not_joined)
    if not any(_was_published(topic, seen, until_s) for _, topic in channels):
        return _unhealthy("nothing was published before the first fault", channels)
    deaf = [channel for channel in channels if not _heard(channel, seen, until_s)]
    if deaf:
        return _unhealthy(f"{_names(deaf)} received nothing before the first fault", deaf)
    lossy = [case.channel for case in findings(history).lost_before]
    if lossy:
        return _unhealthy(f"{_names(lossy)} lost messages before the first fault", lossy)
    return Verdict(
        Outcome.VALID,
        f"{count(len(channels), 'channel')} joined and received before anything went wrong",
        {"channels": len(channels)},
    )


def _first_failure(history: History, until_s: float) -> str | None:
    """The first call to connect or subscribe that did not succeed, in the client's own words."""
    calls = {op.id: op for op in history.ops if op.f in _FIRST_CALLS and op.time_s < until_s}
    for op in calls.values():
        if op.type == "invoke":
            return f"{op.process} never answered {op.f!r}"
        if op.type != "ok":
            return f"{op.process} failed to {op.f}: {op.error or 'without a reason'}"
    return None


def _heard(channel: Channel, seen: Traffic, until_s: float) -> bool:
    """Whether it received something; there is nothing to receive where nothing was published."""
    receipts = seen.of(channel)
    in_time = bool(receipts) and receipts[0].time_s < until_s
    return in_time or not _was_published(channel[1], seen, until_s)


def _was_published(topic: str, seen: Traffic, until_s: float) -> bool:
    return any(time_s < until_s for time_s in seen.published.get(topic, {}).values())


def _names(channels: list[Channel]) -> str:
    return listed(client for client, _ in channels)


def _unhealthy(reason: str, channels: list[Channel]) -> Verdict:
    cases = [f"{client} on {topic!r}" for client, topic in dict.fromkeys(channels)]
    return Verdict(
        Outcome.UNKNOWN,
        f"the run began unhealthy: {reason}",
        {"channels": examples(cases)},
    )
