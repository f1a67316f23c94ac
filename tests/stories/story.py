"""What is told of a case: the part of its transcript that is the same from run to run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.stories.script import Script
from tests.stories.transcript import Line, Transcript

BRIEF_S = 0.5
"""A polled state that lasts less may be seen or not: the polls are 50 ms apart."""
PERIOD_MAX = 4
TEARDOWN_S = 0.015
"""How long before its line in a recording a close may have begun."""
BACK_OFF_S = {"py": (0.0, 1.0, 2.0, 4.0, 8.0), "js": (1.0, 2.0, 5.0, *[10.0] * 30)}
"""How long each client waits before each attempt to connect again (`protocol.md §10`)."""
_NUMBERS = re.compile(r"(?<=', )\d+(?=\))|(?<=expired )\d+(?= seconds)|(?<=127\.0\.0\.1:)\d+")
"""The numbers in texts that differ from run to run: ports, and how late an expiry was noticed."""
_FINALS = (
    "joined_according_to_client",
    "channel_state",
    "connected_according_to_client",
    "socket",
    "final_probe_received_by_client",
    "joined_on_server_by_probe",
    "channels",
    "app_send_at_end",
)
_CONNECTS = ("upgrade_requests", "101")
_JOINS = ("joins_sent", "joins_sent_all_topics")
_LOSSES = ("lost", "lost_sent_after_heal", "duplicated", "out_of_order")


@dataclass(frozen=True, slots=True)
class Held:
    """A polled state, and how long it lasted."""

    state: str
    for_s: float

    @property
    def brief(self) -> bool:
        """Whether the polls may have missed it."""
        return self.for_s < BRIEF_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One case, ready to be compared. What comes after the application's `close` is left out."""

    statuses: Mapping[str, tuple[str, ...]]
    """By channel object, each with its error."""
    channel_states: Mapping[str, tuple[Held, ...]]
    socket_states: tuple[Held, ...]
    results: Mapping[str, tuple[str, ...]]
    """What the calls of the application came to, by call and channel, in order."""
    unhandled: int
    """Exceptions that nobody handled."""
    ended: str
    """How the client's process ended."""
    finals: Mapping[str, str]
    """The final state, just before `close`."""
    counts: Mapping[str, int]
    """Connects and joins."""
    losses: Mapping[str, int]
    heal_to_probe_s: float | None
    """From the heal to the first broadcast sent after it; None if none came."""
    attempts_s: tuple[float, ...]
    """When the client is known to have tried to connect."""
    healed_s: float | None
    cut_by_bytes: bool
    """Whether connections ended after so many bytes: their number is luck, within a tenth."""


def told(transcript: Transcript, script: Script) -> Story:
    """The story of a transcript."""
    close_s, closed_s = _close_s(transcript)
    lines = [line for line in transcript.lines if line.t <= close_s]
    answered = [line for line in transcript.lines if line.t <= closed_s]
    healed = script.healed_s is not None
    return Story(
        statuses=_statuses(lines),
        channel_states=_channel_states(lines, close_s),
        socket_states=_held(
            [(line.t, text(line.data)) for line in _client(lines, "socket_state")], close_s
        ),
        results=_results(answered),
        unhandled=len(transcript.summary.get("unhandled") or []),
        ended=_exit(transcript, close_s),
        finals={name: text(transcript.summary.get(name)) for name in _FINALS},
        counts=_counts(transcript.summary),
        losses=_losses(transcript.summary),
        heal_to_probe_s=transcript.summary.get("heal_to_first_probe_s") if healed else None,
        attempts_s=tuple(_attempts_s(lines, script)),
        healed_s=script.healed_s,
        cut_by_bytes=any(step.what.get("type") == "limit_data" for step in script.steps),
    )


def _close_s(transcript: Transcript) -> tuple[float, float]:
    """When the application closed the client, and when that had been done: what the client shows
    in between is the teardown of the player. The recordings tell only of the second."""
    closed_s = next((line.t for line in transcript.of("app", "close")), math.inf)
    called = (line.t for line in transcript.of("app", "call:close"))
    return next(called, closed_s - TEARDOWN_S), closed_s


def collapsed(items: tuple[str, ...]) -> tuple[str, ...]:
    """A sequence with each block of up to four that follows its like taken once."""
    kept: list[str] = []
    for item in items:
        kept.append(item)
        for period in range(1, PERIOD_MAX + 1):
            if len(kept) >= 2 * period and kept[-period:] == kept[-2 * period : -period]:
                del kept[-period:]
                break
    return tuple(kept)


def text(value: Any) -> str:
    """A value in words, without what differs from run to run."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(inner)}" for key, inner in value.items())
    return _NUMBERS.sub("N", str(value))


def _client(lines: Iterable[Line], what: str) -> Iterable[Line]:
    return (line for line in lines if (line.who, line.what) == ("client", what))


def _statuses(lines: list[Line]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _client(lines, "status"):
        status, error = line.data["status"], line.data["error"]
        told = status if error is None else f"{status} ({text(error)})"
        found.setdefault(line.data["id"], []).append(told)
    return {channel: tuple(statuses) for channel, statuses in found.items()}


def _channel_states(lines: list[Line], end_s: float) -> dict[str, tuple[Held, ...]]:
    found: dict[str, list[tuple[float, str]]] = {}
    for line in _client(lines, "channel_state"):
        registered = "" if line.data["registered"] else ", not registered"
        state = f"{line.data['state']}{registered}"
        found.setdefault(line.data["id"], []).append((line.t, state))
    return {channel: _held(seen, end_s) for channel, seen in found.items()}


def _held(seen: list[tuple[float, str]], end_s: float) -> tuple[Held, ...]:
    ends_s = [*(at_s for at_s, _ in seen[1:]), end_s][: len(seen)]
    return tuple(
        Held(state, until_s - at_s) for (at_s, state), until_s in zip(seen, ends_s, strict=True)
    )


def _results(lines: list[Line]) -> dict[str, tuple[str, ...]]:
    """The answers to each kind of call on each channel; calls of different kinds race."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.who == "app" and line.what.startswith("result:"):
            call = f"{line.what.removeprefix('result:')} {line.data.get('id') or ''}".strip()
            answer = f"{line.data['outcome']} {text(line.data.get('value'))}"
            found.setdefault(call, []).append(answer)
        elif (line.who, line.what) == ("app", "channel"):
            same = "same" if line.data["same_object_as_before"] else "a new"
            found.setdefault(f"channel {line.data['id']}", []).append(f"{same} object")
    return {call: tuple(answers) for call, answers in found.items()}


def _exit(transcript: Transcript, close_s: float) -> str:
    ended = next(transcript.of("client", "process ended"), None)
    if ended is None:
        return "never"
    return f"exit code {ended.data['rc']}, {'before' if ended.t < close_s else 'after'} close"


def _attempts_s(lines: list[Line], script: Script) -> list[float]:
    """When the client tried to connect, as far as it shows: what reached the server, what its log
    says, and what its back-off makes of the last loss before the heal."""
    seen = [line.t for line in lines if is_attempt(line)]
    healed_s = math.inf if script.healed_s is None else script.healed_s
    lost = [
        line.t
        for line in _client(lines, "status")
        if line.data["status"] == "CHANNEL_ERROR" and line.t <= healed_s
    ]
    return sorted(seen + (_chain_s(script.client, lost[-1], healed_s) if lost else []))


def is_attempt(line: Line) -> bool:
    """Whether the client tried to connect here."""
    if line.who == "server":
        return line.what in ("upgrade request", "tcp connect refused")
    return line.what == "log" and "Connection attempt failed" in line.data["msg"]


def _chain_s(client: str, lost_s: float, until_s: float) -> list[float]:
    """The attempts that follow a loss, up to the first after `until_s`."""
    at_s, chain = lost_s, []
    for wait_s in BACK_OFF_S[client]:
        at_s += wait_s
        chain.append(at_s)
        if at_s > until_s:
            break
    return chain


def _counts(summary: Mapping[str, Any]) -> dict[str, int]:
    connects = summary.get("ws_connects") or {}
    counts = {name: int(connects.get(name, 0)) for name in _CONNECTS}
    return counts | {name: int(summary.get(name) or 0) for name in _JOINS}


def _losses(summary: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind in ("broadcasts", "changes"):
        numbers = summary.get(kind) or {}
        found |= {f"{kind} {name}": int(numbers.get(name) or 0) for name in _LOSSES}
    return found
