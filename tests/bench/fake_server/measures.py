"""The measures themselves: each returns plain numbers, and none asserts anything."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.fake_server.load import Child, Crowd

_BATCH_DELIVERIES = 4000


@dataclass(frozen=True, slots=True)
class Rate:
    """How much was done, by the clock and by the CPU time of the server alone."""

    per_s: float
    per_cpu_s: float
    """What one core would do that the server has for itself: the number that a busy machine
    does not touch."""


def fan_out(which: str, subscribers: int, duration_s: float) -> Rate:
    """Deliveries of one sender's messages to all subscribers, as many as go."""
    with Child(which) as child, Crowd(child) as crowd:
        crowd.join(subscribers + 1)
        size = crowd.frame_bytes()
        batch = max(1, _BATCH_DELIVERIES // subscribers)
        sent, started_s, cpu_s = 0, time.perf_counter(), child.cpu_s()
        while (took_s := time.perf_counter() - started_s) < duration_s:
            crowd.send(batch)
            sent += batch
            crowd.wait(sent * size)
        deliveries = sent * subscribers
        return Rate(deliveries / took_s, deliveries / (child.cpu_s() - cpu_s))


def latency_ms(which: str, subscribers: int, per_s: float, duration_s: float) -> dict[float, float]:
    """Percentiles of the time from sending to reading, at a steady rate of messages."""
    with Child(which) as child, Crowd(child) as crowd:
        crowd.join(subscribers + 1)
        size = crowd.frame_bytes()
        sent_s: list[float] = []
        seen: dict[int, int] = {}
        late_s: list[float] = []
        started_s = time.perf_counter()
        while len(late_s) < duration_s * per_s * subscribers:
            now_s = time.perf_counter()
            if len(sent_s) < duration_s * per_s and now_s >= started_s + len(sent_s) / per_s:
                sent_s.append(now_s)
                crowd.send(1)
            due_s = started_s + len(sent_s) / per_s
            arrivals = crowd.arrivals(max(0.0, due_s - now_s))
            now_s = time.perf_counter()
            for fd, received in arrivals:
                first, upto = seen.get(fd, 0), received // size
                late_s.extend(now_s - sent for sent in sent_s[first:upto])
                seen[fd] = upto
    late_s.sort()
    return {share: late_s[int(len(late_s) * share) - 1] * 1000 for share in (0.5, 0.95, 0.99)}


def connects(which: str, count: int) -> tuple[Rate, float]:
    """Connects with a join: how many a second, and the resident kB that each one held takes."""
    with Child(which) as child, Crowd(child) as crowd:
        crowd.join(100)
        before_bytes, cpu_s, started_s = child.resident_bytes(), child.cpu_s(), time.perf_counter()
        crowd.join(count)
        took_s = time.perf_counter() - started_s
        rate = Rate(count / took_s, count / (child.cpu_s() - cpu_s))
        return rate, (child.resident_bytes() - before_bytes) / count / 1000
