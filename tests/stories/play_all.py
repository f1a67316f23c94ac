"""Plays many cases at once, the longest first, and judges each as it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from harness.redact import redact
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import ToxiproxyError
from tests.stories.child import ChildFailed
from tests.stories.compare import Difference, compare
from tests.stories.player import Player, StepFailed
from tests.stories.script import Script
from tests.stories.story import told
from tests.stories.transcript import Transcript

STARTS_AT_ONCE = 2
"""Cases that may be getting ready at the same time: that is what costs."""
AGAIN_MAX = 2
AGAIN_AT_ONCE = 12
"""Cases that stood still are played so often once more, so few at a time."""
WATCH_S = 0.1
STALL_S = 0.25
"""A loop that was this late has measured itself."""
STORM_CONNECTS = 100
OVERTIME_S = 120.0
"""What a case may take beyond its steps."""
_TEXT_MAX = 2000

Print = Callable[[str], None]


class Verdict(Enum):
    """What became of a case."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Case:
    """A script and the transcript that was recorded with it."""

    script: Script
    recorded: Transcript

    @property
    def is_storm(self) -> bool:
        """Whether the client connected again and again without a pause: how often it does so
        depends on what else the machine does."""
        connects = self.recorded.summary.get("ws_connects") or {}
        return int(connects.get("upgrade_requests", 0)) > STORM_CONNECTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one case."""

    name: str
    verdict: Verdict
    took_s: float
    differences: list[Difference] = field(default_factory=list)
    reason: str = ""
    """Why it is unknown."""

    def __str__(self) -> str:
        count = len(self.differences)
        words = {
            Verdict.SAME: "the same story",
            Verdict.DIFFERENT: f"{count} difference{'s' if count > 1 else ''}",
            Verdict.UNKNOWN: f"unknown: {self.reason}",
        }[self.verdict]
        return f"{self.name}: {words} ({self.took_s:.0f} s)"


class PlayAll:
    """Plays cases, so many at once; `keep` is where what was seen is written."""

    def __init__(self, toxiproxy: Toxiproxy, jobs: int, tell: Print, keep: Path | None) -> None:
        self._toxiproxy = toxiproxy
        self._jobs = jobs
        self._tell = tell
        self._keep = keep
        self._stalls: list[tuple[float, float]] = []
        self._ended = 0

    async def play(self, cases: Sequence[Case]) -> list[Result]:
        """The results in the order of the cases."""
        watching = asyncio.ensure_future(self._watch())
        try:
            storms = [case for case in cases if case.is_storm]
            results = await self._round([case for case in cases if not case.is_storm], self._jobs)
            if storms:
                self._tell(f"{len(storms)} alone, as fast as the client connects")
                results |= await self._round(storms, 1)
            for _ in range(AGAIN_MAX):
                again = [
                    case for case in cases if results[case.script.name].verdict is Verdict.UNKNOWN
                ]
                if not again:
                    break
                self._tell(f"{len(again)} once more, {AGAIN_AT_ONCE} at a time")
                results |= await self._round(again, min(AGAIN_AT_ONCE, self._jobs))
        finally:
            watching.cancel()
        return [results[case.script.name] for case in cases]

    async def _round(self, cases: Sequence[Case], jobs: int) -> dict[str, Result]:
        self._ended = 0
        places, starts = asyncio.Semaphore(jobs), asyncio.Semaphore(STARTS_AT_ONCE)
        longest_first = sorted(cases, key=lambda case: -case.script.duration_s)

        async def one(case: Case) -> Result:
            async with places:
                result = await self._play(case, starts)
            self._ended += 1
            self._tell(f"[{self._ended}/{len(cases)}] {result}")
            return result

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(case)) for case in longest_first]
        return {result.name: result for result in (task.result() for task in tasks)}

    async def _play(self, case: Case, starts: asyncio.Semaphore) -> Result:
        began_s = time.monotonic()
        result = await self._judge(case, starts)
        return replace(result, took_s=time.monotonic() - began_s)

    async def _judge(self, case: Case, starts: asyncio.Semaphore) -> Result:
        name, began_s = case.script.name, time.monotonic()
        unknown = Result(name=name, verdict=Verdict.UNKNOWN, took_s=0.0)
        try:
            async with asyncio.timeout(case.script.duration_s + OVERTIME_S):
                player = Player(case.script, case.recorded, self._toxiproxy, starts)
                seen = await player.play()
        except TimeoutError:
            return replace(unknown, reason="it did not end in time")
        except (ChildFailed, StepFailed, ToxiproxyError, OSError) as error:
            return replace(unknown, reason=redact(str(error), _TEXT_MAX))
        if self._keep is not None:
            seen.write(self._keep / f"{name}.jsonl")
        differences = compare(told(case.recorded, case.script), told(seen, case.script))
        if differences and (reason := self._stalled(seen, began_s)):
            return replace(unknown, reason=reason, differences=differences)
        verdict = Verdict.DIFFERENT if differences else Verdict.SAME
        return replace(unknown, verdict=verdict, differences=differences)

    def _stalled(self, seen: Transcript, since_s: float) -> str:
        """Which process stood still, if one did; its clock proves nothing then."""
        ours_s = max((late for at, late in self._stalls if at + late >= since_s), default=0.0)
        theirs = (line.data["for_s"] for line in seen.of("driver", "stalled"))
        theirs_s = max(theirs, default=0.0)
        if ours_s:
            return f"the player stood still for {ours_s:.1f} s: the machine is too busy"
        return f"the client stood still for {theirs_s:.1f} s" if theirs_s else ""

    async def _watch(self) -> None:
        """Look for stalls of this loop, for ever."""
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(WATCH_S)
            late_s = time.monotonic() - before_s - WATCH_S
            if late_s >= STALL_S:
                self._stalls.append((before_s, late_s))
