"""Tokens: a join carries the newest access token that the application gave its client.

TOKEN of `failures.md` §0.4. A client that rejoins with its first token is thrown out when that one
expires. One that is opened again may be a process that knows of no token: its application gives it
the newest once more, and until then nothing is owed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

UNDER_WAY_S = 1.0
"""A join may be on its way to the server while the token changes."""
AT_ONCE_S = 0.001
"""A server that has been busy reads at once what has waited."""


class Change(NamedTuple):
    """One `set_token`."""

    client: str
    token_id: str
    from_s: float
    """When the call began: a join may carry this token from here on."""
    until_s: float
    """When no join may carry an older one any more; infinity if the client never took it."""


def tokens(history: History) -> Verdict:
    """Compare the token of each join with those that its client held by then."""
    changes = _changes(history)
    if not any(change.until_s < math.inf for change in changes):
        return Verdict(Outcome.NOT_APPLICABLE, "no client took a new token")
    judged, stale = 0, []
    came_s, opened = _came_s(history), history.where("open", type="invoke")
    for join in history.where("join", process="server"):
        at_s = came_s.get(_key(join), join.time_s)
        allowed = _allowed(join, at_s, changes)
        if allowed and not _is_new(join, at_s, changes, opened):
            judged += 1
            if join.value["token_id"] not in allowed:
                stale.append(_words(join, allowed))
    evidence = {"joins": judged, "stale": examples(stale)}
    if stale:
        reason = f"{count(len(stale), 'join')} with an old token ({stale[0]})"
        return Verdict(Outcome.INVALID, reason, evidence)
    if not judged:
        return Verdict(Outcome.NOT_APPLICABLE, "nobody joined after taking a new token", evidence)
    return Verdict(Outcome.VALID, f"{count(judged, 'join')} with the newest token", evidence)


def _came_s(history: History) -> Mapping[tuple[Any, ...], float]:
    """When each join came to the server, which may be long before it is done with it.

    It joins one channel of a connection after the other: what it reads right after one may have
    waited since that one came.
    """
    came_s: dict[tuple[Any, ...], float] = {}
    busy_s: dict[Any, tuple[float, float]] = {}
    for op in history.ops:
        if op.process != "server":
            continue
        if op.f == "frame" and op.value["event"] == "phx_join":
            since_s, until_s = busy_s.get(op.value["conn"], (0.0, -math.inf))
            waited = op.time_s - until_s < AT_ONCE_S
            came_s[_key(op)] = since_s if waited else op.time_s
        elif op.f == "join":
            busy_s[op.value["conn"]] = came_s.get(_key(op), op.time_s), op.time_s
    return came_s


def _key(op: Op) -> tuple[Any, ...]:
    return op.value["conn"], op.value["topic"], op.value["join_ref"]


def _allowed(join: Op, came_s: float, changes: Sequence[Change]) -> list[str]:
    """The newest token that must have settled by then and those set since; none if none settled."""
    begun = [
        change
        for change in changes
        if change.client == join.value["client"] and change.from_s < join.time_s
    ]
    settled = [index for index, change in enumerate(begun) if change.until_s < came_s]
    return [change.token_id for change in begun[settled[-1] :]] if settled else []


def _is_new(join: Op, came_s: float, changes: Sequence[Change], opened: Sequence[Op]) -> bool:
    """Whether the client was opened lately and has not been given its token again: a process that
    was started anew knows of none."""
    client = join.value["client"]
    since_s = max(
        (op.time_s for op in opened if op.process == client and op.time_s < came_s), default=0.0
    )
    again = (one for one in changes if one.client == client and one.from_s > since_s)
    return any(came_s < one.until_s < math.inf for one in islice(again, 1))


def _words(join: Op, allowed: Sequence[str]) -> str:
    return (
        f"{join.value['client']} joined {join.value['topic']!r} at {join.time_s:.1f} s "
        f"with token {join.value['token_id']!r} instead of {allowed[-1]!r}"
    )


def _changes(history: History) -> list[Change]:
    """Every call that may have given a client a token, in order."""
    changes: dict[int | None, Change] = {}
    for op in history.where("set_token"):
        if op.type == "invoke":
            token_id = str(op.value["token_id"])
            changes[op.id] = Change(op.process, token_id, op.time_s, math.inf)
        elif op.type == "ok":
            changes[op.id] = changes[op.id]._replace(until_s=op.time_s + UNDER_WAY_S)
    return list(changes.values())
