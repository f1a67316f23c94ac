"""What a case comes to in numbers, by the same arithmetic as the summaries of the recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.stories.publisher import Numbers, Publisher
from tests.stories.relay import Relay
from tests.stories.script import Script
from tests.stories.transcript import Line

UNSETTLED_S = 3.5
"""What was sent in so many last seconds may still be under way and is not counted as lost."""


def summarised(
    script: Script, lines: Sequence[Line], publisher: Publisher, relay: Relay
) -> Mapping[str, Any]:
    """The summary of a case."""
    closed = (line.t for line in lines if (line.who, line.what) == ("app", "call:close"))
    duration_s = next(closed, None)
    if duration_s is None:
        duration_s = lines[-1].t if lines else 0.0
    before = [line for line in lines if line.t <= duration_s]
    channel, topics = judged(before), _topics(script)
    topic = topics.get(channel, next(iter(topics.values()), ""))
    socket = _last(before, "socket_state") or {}
    states = _channel_states(before)
    state = states.get(channel)
    return {
        "client": script.client,
        "case": script.case,
        "duration_s": round(duration_s, 1),
        "joined_according_to_client": state == "joined",
        "channel_state": state,
        "connected_according_to_client": bool(socket.get("is_connected")),
        "socket": socket,
        "final_probe_received_by_client": channel in _probed(before),
        "joined_on_server_by_probe": topic in relay.probed,
        "ws_connects": dict(relay.counts),
        "joins_sent": relay.joins[topic],
        "joins_sent_all_topics": relay.joins.total(),
        "broadcasts": _broadcasts(
            before, channel, publisher.topics.get(topic), script.healed_s, duration_s - UNSETTLED_S
        ),
        "changes": _changes(before, publisher.rows_s, script.healed_s, duration_s - UNSETTLED_S),
        "heal_to_first_probe_s": _heal_to_first(before, channel, publisher, topic, script.healed_s),
        "app_send_at_end": _sent(before),
        "unhandled": [
            line.data for line in before if line.what in ("unhandled", "uncaughtException")
        ],
        **_all_channels(before, states, relay),
    }


def judged(lines: Sequence[Line]) -> str:
    """The channel that a case is judged by: `m`, or the last that was made."""
    made = [line.data["id"] for line in lines if (line.who, line.what) == ("app", "channel")]
    return "m" if "m" in made or not made else str(made[-1])


def _topics(script: Script) -> dict[str, str]:
    """The topic of each channel."""
    topics: dict[str, str] = {}
    for step in script.steps:
        if step.do == "new_channel":
            topics[step["id"]] = step["topic"]
        elif step.do == "resubscribe_at_once":
            topics |= dict.fromkeys("ab", step["topic"])
    return topics


def _last(lines: Sequence[Line], what: str) -> Any:
    return next((line.data for line in reversed(lines) if line.what == what), None)


def _channel_states(lines: Sequence[Line]) -> dict[str, str]:
    found = (line.data for line in lines if line.what == "channel_state")
    return {data["id"]: data["state"] for data in found}


def _probed(lines: Sequence[Line]) -> set[str]:
    """The channels that received a probe."""
    heard = (line.data for line in lines if line.what == "broadcast")
    return {data["id"] for data in heard if data["event"] == "probe"}


def _sent(lines: Sequence[Line]) -> Any:
    return next((line.data for line in reversed(lines) if line.what == "result:send"), None)


def _all_channels(lines: Sequence[Line], states: Mapping[str, str], relay: Relay) -> dict[str, Any]:
    if len(states) < 2:
        return {}
    counted = Counter(states.values())
    return {
        "channels": {
            "total": len(states),
            "joined_according_to_client": counted["joined"],
            "probe_received": len(_probed(lines)),
            "joined_on_server": len(relay.probed),
            "states": dict(counted),
        }
    }


def _numbered(lines: Sequence[Line], channel: str) -> list[Line]:
    return [
        line
        for line in lines
        if line.what == "broadcast" and line.data["event"] == "n" and line.data["id"] == channel
    ]


def _broadcasts(
    lines: Sequence[Line],
    channel: str,
    numbers: Numbers | None,
    healed_s: float | None,
    until_s: float,
) -> dict[str, Any]:
    heard = _numbered(lines, channel)
    received = [line.data["seq"] for line in heard]
    accepted_s = numbers.accepted_s if numbers is not None else {}
    if not received:
        return {"received": 0, "accepted_by_rest": len(accepted_s)}
    counted = [
        number for number, at_s in accepted_s.items() if number >= received[0] and at_s <= until_s
    ]
    lost = sorted(set(counted) - set(received))
    return {
        "received": len(set(received)),
        "expected": len(counted),
        "lost": len(lost),
        "duplicated": len(received) - len(set(received)),
        "out_of_order": sum(after < before for before, after in pairwise(received)),
        "lost_ranges": _ranges(lost),
        "lost_sent_after_heal": _after(healed_s, [accepted_s[number] for number in lost]),
        "rest_rejected": numbers.rejected if numbers is not None else 0,
    }


def _changes(
    lines: Sequence[Line], rows_s: Mapping[int, float], healed_s: float | None, until_s: float
) -> dict[str, Any]:
    received = [line.data["num"] for line in lines if line.what == "change"]
    if not received:
        return {"received": 0}
    counted = [row for row, at_s in rows_s.items() if row >= received[0] and at_s <= until_s]
    lost = sorted(set(counted) - set(received))
    return {
        "received": len(set(received)),
        "expected": len(counted),
        "lost": len(lost),
        "duplicated": len(received) - len(set(received)),
        "lost_inserted_after_heal": _after(healed_s, [rows_s[row] for row in lost]),
    }


def _after(healed_s: float | None, times_s: Sequence[float]) -> int:
    return 0 if healed_s is None else sum(at_s >= healed_s for at_s in times_s)


def _ranges(numbers: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _heal_to_first(
    lines: Sequence[Line],
    channel: str,
    publisher: Publisher,
    topic: str,
    healed_s: float | None,
) -> float | None:
    """From the heal to the first broadcast that was sent after it and received."""
    numbers = publisher.topics.get(topic)
    if healed_s is None or numbers is None:
        return None
    for line in lines:
        if line.what != "broadcast" or line.data["id"] != channel or line.t < healed_s:
            continue
        if line.data["event"] == "probe":
            return round(line.t - healed_s, 2)
        if line.data["event"] == "n" and numbers.accepted_s.get(line.data["seq"], 0.0) >= healed_s:
            return round(line.t - healed_s, 2)
    return None
