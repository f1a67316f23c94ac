"""The traffic of a run: what the source published, and what each channel received of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.checkers.remembered import remembered
from harness.history import History

Channel = tuple[str, str]
"""A client process and a topic."""


class Receipt(NamedTuple):
    """One message of the source, as one client received it."""

    time_s: float
    id: int


Flaw = Literal["unpublished", "once", "order"]
"""It came out of nowhere, not for the first time, or after a later one."""


def flaws(
    receipts: Iterable[Receipt], published: Mapping[int, float]
) -> Iterator[tuple[Receipt, Flaw | None]]:
    """Each receipt of one channel, in order of time, with what is wrong with it."""
    had: dict[int, None] = {}
    highest = -1
    for receipt in receipts:
        flaw: Flaw | None = None
        if receipt.id not in published:
            flaw = "unpublished"
        elif receipt.id in had:
            flaw = "once"
        elif receipt.id < highest:
            flaw = "order"
        yield receipt, flaw
        had[receipt.id] = None
        highest = max(highest, receipt.id)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The source's messages and their receipts; each in order of time."""

    published: Mapping[str, Mapping[int, float]]
    """Topic → number of the message → seconds when it was published."""
    receipts: Mapping[Channel, list[Receipt]]

    def of(self, channel: Channel) -> list[Receipt]:
        """What a channel received."""
        return self.receipts.get(channel, [])

    def first_after(self, channel: Channel, after_s: float) -> Receipt | None:
        """The first receipt of a message that was published after `after_s`.

        Not at that very moment: in virtual time the nemesis may act in the same instant, and the
        message have got through just before.
        """
        published = self.published.get(channel[1], {})
        for receipt in self.of(channel):
            if published.get(receipt.id, -1.0) > after_s:
                return receipt
        return None


@remembered
def traffic(history: History) -> Traffic:
    """Read the traffic of a run.

    A message counts as published once its call has returned `ok`: until then nobody is owed it.
    """
    published: dict[str, dict[int, float]] = defaultdict(dict)
    for op in history.where("broadcast", process="source", type="ok"):
        published[op.value["topic"]].setdefault(op.value["id"], op.time_s)
    receipts: dict[Channel, list[Receipt]] = defaultdict(list)
    for op in history.where("received"):
        value = op.value
        if value["sender"] == "source":
            receipts[op.process, value["topic"]].append(Receipt(op.time_s, value["id"]))
    return Traffic(dict(published), dict(receipts))
