"""Answers: every call of the application returns or raises, whatever became of the connection.

TIME of `failures.md` §0.4. The runner gives a call up after 40 s, and says so; one that still has
no end where the history ends must have begun 20 s before it to prove anything: twice the 10 s for
which the official clients wait for an answer of the server.

Nobody is blamed for a call that the application cancelled, nor for one that was under way while a
fault kept its client from answering at all (the process stood still or was killed, its clock went
wrong). A `subscribe` may wait for as long as something keeps it from joining: it is judged if it
began after the last act of the nemesis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.checkers.course import course, struck
from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

OPEN_S = 20.0
AT_ONCE = ("open", "leave", "set_token", "close")
"""The calls that need not wait for the server; a run waits so long for their answers."""
JUDGED = (*AT_ONCE, "subscribe")


class _Wait(NamedTuple):
    """A call that got no answer, until the runner or the run gave it up."""

    call: Op
    until_s: float

    def __str__(self) -> str:
        topic = f" of {self.call.value['topic']!r}" if "topic" in self.call.value else ""
        waited_s = self.until_s - self.call.time_s
        begun = f"{self.call.process}: {self.call.f}{topic} at {self.call.time_s:.1f} s"
        return f"{begun} had no answer in {waited_s:.0f} s"


def answers(history: History) -> Verdict:
    """Look for the calls that never returned."""
    calls = sum(op.type == "invoke" and op.f in JUDGED for op in history.ops)
    if not calls:
        return Verdict(Outcome.NOT_APPLICABLE, "no client was called")
    waits = list(_unanswered(history))
    broken = [str(wait) for wait in waits if not _excused(wait, history)]
    evidence = {
        "calls": calls,
        "unanswered": examples(broken),
        "excused": len(waits) - len(broken),
    }
    if broken:
        reason = f"{count(len(broken), 'call')} never returned (first: {broken[0]})"
        return Verdict(Outcome.INVALID, reason, evidence)
    return Verdict(Outcome.VALID, f"none of {count(calls, 'call')} hung", evidence)


def _unanswered(history: History) -> Iterator[_Wait]:
    under_way: dict[int | None, Op] = {}
    for op in history.ops:
        if op.f not in JUDGED:
            continue
        if op.type == "invoke":
            under_way[op.id] = op
        elif (call := under_way.pop(op.id, None)) and op.value.get("unanswered"):
            yield _Wait(call, op.time_s)
    end_s = course(history).end_s
    for call in under_way.values():
        if end_s - call.time_s >= OPEN_S:
            yield _Wait(call, end_s)


def _excused(wait: _Wait, history: History) -> bool:
    call, until_s = wait
    if call.f == "subscribe" and call.time_s <= course(history).calm_s:
        return True
    return any(
        "answer" in fault.spoils
        and fault.struck(call.process)
        and fault.start_s <= until_s
        and call.time_s <= fault.until_s
        for fault in struck(history)
    )
