"""Acknowledgement: what a client says of its own broadcasts is what became of them.

ACK of `failures.md` §0.4: a broadcast reported sent has reached the server, one reported failed has
not, and none arrives twice (ONCE). One of which nobody knows (`info`, or no answer at all) may
have gone either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.checkers.words import count, examples
from harness.history import History, Op, Type
from harness.verdict import Outcome, Sli, Verdict


class Send(NamedTuple):
    """One broadcast of one client."""

    client: str
    topic: str
    id: int


def acknowledgement(history: History) -> Verdict:
    """Compare the answers that clients got with the frames that the server saw."""
    answers = _answers(history)
    if not answers:
        return Verdict(Outcome.NOT_APPLICABLE, "no client sent anything")
    if not history.where("frame", process="server"):
        return Verdict(Outcome.NOT_APPLICABLE, "the frames that the server got were not recorded")
    arrived = _arrived(history)
    reproaches = {
        "reported sent, but never reached the server": [
            send for send, answer in answers.items() if answer == "ok" and send not in arrived
        ],
        "reported failed, but reached the server": [
            send for send, answer in answers.items() if answer == "fail" and send in arrived
        ],
        "reached the server more than once": [send for send in answers if arrived.get(send, 0) > 1],
    }
    return _verdict(answers, {what: sends for what, sends in reproaches.items() if sends})


def _answers(history: History) -> dict[Send, Type | None]:
    """Each client's broadcasts with their completion; None for those that got no answer."""
    answers: dict[Send, Type | None] = {}
    for op in history.where("broadcast"):
        if op.process != "source":
            send = _send(op, op.process)
            answers[send] = answers.get(send) if op.type == "invoke" else op.type
    return answers


def _arrived(history: History) -> Counter[Send]:
    return Counter(
        _send(op, str(op.value["client"]))
        for op in history.where("frame", process="server")
        if op.value["event"] == "broadcast"
    )


def _send(op: Op, client: str) -> Send:
    return Send(client, op.value["topic"], op.value.get("id", -1))


def _verdict(answers: Mapping[Send, Type | None], reproaches: Mapping[str, list[Send]]) -> Verdict:
    unknown = sum(answer in (None, "info") for answer in answers.values())
    evidence: dict[str, Any] = {"sent": len(answers), "of unknown fate": unknown}
    evidence |= {
        what: {"count": len(sends), "examples": examples([_words(send) for send in sends])}
        for what, sends in reproaches.items()
    }
    slis = {
        "sends": Sli(value=len(answers), unit="messages"),
        "sends_unknown": Sli(value=unknown, unit="messages"),
    }
    if reproaches:
        reason = "; ".join(
            f"{count(len(sends), 'broadcast')} {what} (first: {_words(sends[0])})"
            for what, sends in reproaches.items()
        )
        return Verdict(Outcome.INVALID, reason, evidence, slis)
    told = len(answers) - unknown
    if not told:
        reason = f"not one of {count(len(answers), 'broadcast')} was reported sent or failed"
        return Verdict(Outcome.UNKNOWN, reason, evidence, slis)
    reason = f"{count(told, 'broadcast')} reported truly, {unknown} more left open"
    return Verdict(Outcome.VALID, reason, evidence, slis)


def _words(send: Send) -> str:
    return f"broadcast {send.id} of {send.client} on {send.topic!r}"
