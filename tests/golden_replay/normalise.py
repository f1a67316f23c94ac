"""All that may differ between two runs of the real server, and nothing else: values, races, delays.

Each entry quotes the words of `tests/golden/README.md` that allow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.protocol import PHX_CLOSE, PHX_JOIN, PHX_REPLY, PRESENCE, PRESENCE_DIFF
from tests.golden_replay.transcript import Arrival, Case, Frame

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ANSWERS = ("open", "refused", "http")
_FRAMES = ("text", "binary")


@dataclass(frozen=True, slots=True)
class Varying:
    """A value that varies from run to run: what is left of it is its shape."""

    what: str
    readme: str
    kinds: tuple[str, ...]
    pattern: re.Pattern[str]
    """Its group `v` is the value, or several with commas between."""
    renamed: bool = True
    """Whether equal values stay equal and different ones different, by one renaming per case."""
    where: re.Pattern[str] = re.compile("")
    """What else a frame must hold."""


VARYING = (
    Varying(
        "phx_ref",
        "phx_ref, phx_ref_prev",
        _FRAMES,
        re.compile(r'"phx_ref(?:_prev)?":"(?P<v>[\w-]{16})"'),
    ),
    Varying(
        "message id",
        "message uuids (`meta.id`, `payload.id`)",
        _FRAMES,
        re.compile(rf'"id": ?"(?P<v>{_UUID})"'),
    ),
    Varying(
        "commit_timestamp",
        "timestamps (commit_timestamp, created_at, x-request-id and date headers)",
        _FRAMES,
        re.compile(rf'"commit_timestamp":"(?P<v>{_SECONDS}\.\d{{3}}Z)"'),
        renamed=False,
    ),
    Varying(
        "created_at",
        "timestamps (commit_timestamp, created_at, x-request-id and date headers)",
        _FRAMES,
        re.compile(rf'"created_at": ?"(?P<v>{_SECONDS}(?:\.\d{{1,6}})?\+00:00)"'),
    ),
    Varying(
        "header",
        "x-request-id and date headers",
        _ANSWERS,
        re.compile(r"^(?:date|x-request-id): (?P<v>.+)$", re.MULTILINE),
        renamed=False,
    ),
    Varying(
        "sec-websocket-accept",
        "`sec-websocket-accept`",
        _ANSWERS,
        re.compile(r"^sec-websocket-accept: (?P<v>[\w+/]{27}=)$", re.MULTILINE),
        renamed=False,
    ),
    Varying(
        "long-polling token",
        "the tokens of long polling",
        _ANSWERS,
        re.compile(r'"token":"(?P<v>SFMyNTY[\w.-]+)"'),
    ),
    Varying(
        "length with a long-polling token",
        "the tokens of long polling",
        _ANSWERS,
        re.compile(r"^content-length: (?P<v>\d+)$", re.MULTILINE),
        renamed=False,
        where=re.compile(r'"token":"SFMyNTY'),
    ),
    Varying(
        "presence key",
        "presence key if the join gave none (uuid1)",
        _FRAMES,
        re.compile(rf'"(?P<v>{_UUID})":\{{"metas"'),
    ),
    Varying(
        "binding",
        "compare ids up to one consistent renaming per case",
        _FRAMES,
        re.compile(r'\{"id":(?P<v>\d+)(?=[,}])'),
        where=re.compile(r'"response":\{"postgres_changes":\['),
    ),
    Varying(
        "binding",
        "compare ids up to one consistent renaming per case",
        _FRAMES,
        re.compile(r'"ids":\[(?P<v>\d+(?:,\d+)*)\]'),
        where=re.compile(r'"postgres_changes"'),
    ),
)

Values = list[tuple[str, str]]
"""What was taken out of a frame to be renamed: what it is, and the value."""


def normalise(frame: Frame) -> tuple[str, Values]:
    """A frame without what varies, and the values that one renaming must explain."""
    body, values = frame.body, Values()
    for varying in VARYING:
        if frame.kind in varying.kinds and varying.where.search(frame.body):
            body = varying.pattern.sub(partial(_taken, varying, values), body)
    return f"{frame.kind} {body}", values


def _taken(varying: Varying, values: Values, match: re.Match[str]) -> str:
    parts = match["v"].split(",") if varying.what == "binding" else [match["v"]]
    if varying.renamed:
        values.extend((varying.what, part) for part in parts)
    shape = ",".join(f"<{varying.what}>" for _ in parts)
    start, end = match.start("v") - match.start(), match.end("v") - match.start()
    return match[0][:start] + shape + match[0][end:]


# Races.


@dataclass(frozen=True, slots=True)
class Race:
    """Two recorded frames of one connection that may come in either order."""

    readme: str
    holds: Callable[[Case, str, Arrival, Arrival], bool]
    """Whether it holds for these two, of which the first was a candidate to come second."""


def _reply_and_its_diff(case: Case, conn: str, reply: Arrival, diff: Arrival) -> bool:
    answered, told = reply.frame.message, diff.frame.message
    if answered is None or told is None or answered.topic != told.topic:
        return False
    if (answered.event, told.event) != (PHX_REPLY, PRESENCE_DIFF):
        return False
    pushes = case.pushes.get((conn, str(told.topic), PRESENCE), [])
    return any(
        push.ref == answered.ref and line < min(reply.line, diff.line) for line, push in pushes
    )


def _own_leave_and_close(case: Case, conn: str, diff: Arrival, close: Arrival) -> bool:
    told, ended = diff.frame.message, close.frame.message
    return (
        told is not None
        and ended is not None
        and told.topic == ended.topic
        and ended.event == PHX_CLOSE
        and is_own_leave(case, conn, diff.frame)
    )


RACES = (
    Race(
        "presence `phx_reply` against the `presence_diff` it causes (both orders seen)",
        _reply_and_its_diff,
    ),
    Race("own `presence_diff` leave against `phx_close`", _own_leave_and_close),
)
"""The third race of the README, "the order among different sockets", needs no entry: connections
are compared one by one."""


def may_swap(case: Case, conn: str, one: Arrival, other: Arrival) -> bool:
    """Whether two recorded frames of a connection may come in either order: at one time."""
    return abs(one.at_s - other.at_s) < TOLERANCE_S and any(
        race.holds(case, conn, one, other) or race.holds(case, conn, other, one) for race in RACES
    )


def is_own_leave(case: Case, conn: str, frame: Frame) -> bool:
    """Whether this tells a client of nothing but its own leaving."""
    message = frame.message
    if message is None or message.event != PRESENCE_DIFF or message.payload.get("joins"):
        return False
    joins = case.pushes.get((conn, str(message.topic), PHX_JOIN), [])
    keys = {_presence_key(push.payload) for _, push in joins}
    return bool(message.payload["leaves"]) and all(
        key in keys or (None in keys and re.fullmatch(_UUID, key))
        for key in message.payload["leaves"]
    )


def without_own_leaves(case: Case, conn: str, arrivals: list[Arrival]) -> list[Arrival]:
    """The frames without own leaves beside their `phx_close`: "it may come after it or not at
    all"."""
    return [
        arrival
        for index, arrival in enumerate(arrivals)
        if not (is_own_leave(case, conn, arrival.frame) and _beside_close(arrivals, index))
    ]


def _beside_close(arrivals: list[Arrival], index: int) -> bool:
    topic = getattr(arrivals[index].frame.message, "topic", None)
    same = [
        (number, message.event)
        for number, arrival in enumerate(arrivals)
        if (message := arrival.frame.message) is not None and message.topic == topic
    ]
    at = same.index((index, PRESENCE_DIFF))
    return any(event == PHX_CLOSE for _, event in same[max(0, at - 1) : at + 2])


def _presence_key(payload: object) -> str | None:
    config = payload.get("config") if isinstance(payload, dict) else None
    presence = config.get("presence") if isinstance(config, dict) else None
    key = presence.get("key") if isinstance(presence, dict) else None
    return str(key) if key else None


# Delays.

TOLERANCE_S = 0.5
"""How much earlier or later a frame may come; the delays that matter are whole seconds."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A kind of frame whose delay varies more, in the real server too."""

    readme: str
    pattern: re.Pattern[str]
    tolerance_s: float


LOOSE = (
    Loose(
        "ms after the join when the poller runs, 1–3 s on a cold tenant",
        re.compile('"message":"Subscribed to PostgreSQL"'),
        3.0,
    ),
    Loose(
        "Changes arrive 50–500 ms after commit",
        re.compile('"commit_timestamp":"'),
        0.6,
    ),
)


def tolerance_s(frame: Frame) -> float:
    """How much earlier or later this frame may come than it was recorded."""
    return max(
        (loose.tolerance_s for loose in LOOSE if loose.pattern.search(frame.body)),
        default=TOLERANCE_S,
    )
