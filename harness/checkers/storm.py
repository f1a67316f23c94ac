"""Storm: clients do not hammer a server that is down, nor meet it all at once when it is back.

RATE and SPREAD of `failures.md` §0.4, with the shares of §D3 note 3 for a single seed. A fleet that
the nemesis itself has started or woken at one instant is not judged by how it spreads.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.checkers.course import struck
from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Sli, Verdict

WINDOW_S = 10.0
ATTEMPTS_MAX = 12
"""One a second, and two more for the quick first retries that a healthy back-off begins with."""

HERD_MIN = 50
"""With fewer clients, the fullest tenth of a second is chance."""
BUCKETS_PER_S = 10
FIRST_WAVE_S = 1.0
FIRST_WAVE_SHARE_MAX = 0.20
"""First retries come within a second; 17.5 % of 200 clients is the 99th percentile of that."""
SHARE_MAX = 0.08


@dataclass(frozen=True, slots=True)
class Bucket:
    """The fullest tenth of a second after one act of the nemesis."""

    at_s: float
    """When it begins."""
    handshakes: int
    clients: int
    """How many clients came back after this act."""
    share_max: float

    @property
    def share(self) -> float:
        return self.handshakes / self.clients

    def __str__(self) -> str:
        return (
            f"{self.handshakes} handshakes of {self.clients} clients ({self.share:.0%}) in the "
            f"100 ms from {self.at_s:.1f} s on, at most {self.share_max:.0%} allowed"
        )


def storm(history: History) -> Verdict:
    """Judge each client's rate of attempts, and how well a herd of clients spreads out."""
    attempts = _attempts(history)
    if not attempts:
        return Verdict(Outcome.NOT_APPLICABLE, "handshakes were not recorded")
    busiest = {client: _busiest(times_s) for client, times_s in attempts.items()}
    too_fast = [
        f"{client} made {most} attempts within {WINDOW_S:g} s (from {from_s:.1f} s on), "
        f"at most {ATTEMPTS_MAX} allowed"
        for client, (most, from_s) in busiest.items()
        if most > ATTEMPTS_MAX
    ]
    too_fast += _dialled_too_fast(history)
    buckets = list(_fullest_buckets(history))
    crowds = [str(bucket) for bucket in buckets if bucket.share > bucket.share_max]
    slis = {
        "handshakes": Sli(
            value=len(history.where("handshake", process="server")), unit="handshakes"
        ),
        "handshakes_per_s_max": Sli(
            value=max(most for most, _ in busiest.values()) / WINDOW_S, unit="1/s"
        ),
    }
    if buckets:
        share = max(bucket.share for bucket in buckets)
        slis["spread_max_share"] = Sli(value=round(share, 4), unit="share")
    return _verdict(too_fast, crowds, bool(buckets), slis)


def _verdict(
    too_fast: Sequence[str], crowds: Sequence[str], is_herd: bool, slis: Mapping[str, Sli]
) -> Verdict:
    evidence: dict[str, Any] = {}
    if too_fast:
        evidence["too fast"] = examples(too_fast)
    if crowds:
        evidence["all at once"] = examples(crowds)
    if evidence:
        reason = "; ".join(cases[0] for cases in evidence.values())
        return Verdict(Outcome.INVALID, reason, evidence, slis)
    spread = (
        f"no tenth of a second had more than {slis['spread_max_share'].value:.0%} of the clients"
        if is_herd
        else f"spread is not judged with fewer than {HERD_MIN} clients"
    )
    rate = f"at most {slis['handshakes_per_s_max'].value:g} attempts per second and client"
    return Verdict(Outcome.VALID, f"{rate}; {spread}", evidence, slis)


def _attempts(history: History) -> Mapping[str, list[float]]:
    """When each client reached the server: handshakes that succeeded and upgrades refused."""
    attempts: dict[str, list[float]] = defaultdict(list)
    for op in history.ops:
        if op.process == "server" and op.f in ("handshake", "refused"):
            attempts[str(op.value["client"])].append(op.time_s)
    return attempts


def _dialled_too_fast(history: History) -> Iterator[str]:
    """Connects that no server sees have no client's name; a fleet's bound is the sum of all."""
    most, from_s = _busiest([op.time_s for op in history.where("dial", process="network")])
    allowed = ATTEMPTS_MAX * history.header.clients
    if most > allowed:
        clients = count(history.header.clients, "client")
        yield (
            f"{clients} dialled {most} times within {WINDOW_S:g} s (from {from_s:.1f} s on), "
            f"at most {allowed} allowed"
        )


def _busiest(times_s: Sequence[float]) -> tuple[int, float]:
    """The most attempts in any window, and when that window began."""
    most, most_from_s, first = 0, 0.0, 0
    for last, time_s in enumerate(times_s):
        while times_s[first] <= time_s - WINDOW_S:
            first += 1
        if last - first + 1 > most:
            most, most_from_s = last - first + 1, times_s[first]
    return most, most_from_s


def _fullest_buckets(history: History) -> Iterator[Bucket]:
    """After each act of the nemesis: its first wave, and all that came later."""
    handshakes = history.where("handshake", process="server")
    for began_s, acted_s, until_s in _acts(history):
        after = [op for op in handshakes if began_s <= op.time_s < until_s]
        clients = len(dict.fromkeys(op.value["client"] for op in after))
        if clients < HERD_MIN:
            continue
        wave_s = acted_s + FIRST_WAVE_S
        first_wave = [op for op in after if op.time_s < wave_s]
        later = [op for op in after if op.time_s >= wave_s]
        for ops, share_max in ((first_wave, FIRST_WAVE_SHARE_MAX), (later, SHARE_MAX)):
            if ops:
                yield _fullest(ops, began_s, clients, share_max)


def _acts(history: History) -> Iterator[tuple[float, float, float]]:
    """When the nemesis began each act, when it had acted, and when it began the next; without the
    acts that leave no client a choice of its moment."""
    at_one_instant = {fault.fault for fault in struck(history) if "spread" in fault.spoils}
    begun = [op for op in history.ops if op.process == "nemesis" and op.type == "invoke"]
    acted_s = {op.id: op.time_s for op in history.ops if op.process == "nemesis"}
    begun_s = [op.time_s for op in begun]
    for op, next_s in zip(begun, [*begun_s[1:], math.inf], strict=False):
        if op.value["fault"] not in at_one_instant:
            yield op.time_s, acted_s[op.id], next_s


def _fullest(ops: Sequence[Op], from_s: float, clients: int, share_max: float) -> Bucket:
    buckets = Counter(math.floor((op.time_s - from_s) * BUCKETS_PER_S) for op in ops)
    bucket, most = max(buckets.items(), key=lambda item: item[1])
    return Bucket(from_s + bucket / BUCKETS_PER_S, most, clients, share_max)
