"""The one place that strikes: it says so before and after, and heals however the run ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Literal, Protocol

from harness.entropy import substream
from harness.history import Op
from harness.nemesis.fault import Fault
from harness.nemesis.kind import FaultKind, Strike
from harness.nemesis.levers import Levers
from harness.nemesis.registry import kind_of, values_of
from harness.nemesis.victims import Victims, victims

HEAL_WITHIN_S = 30.0
"""How long one fault may take to heal."""


class Record(Protocol):
    """Where it is written down."""

    def invoke(self, process: str, f: str, value: Mapping[str, Any]) -> Op:
        """A call begins."""

    def complete(
        self, op: Op, type: Literal["info"], error: str | None = None, **more: Any
    ) -> None:
        """It has ended; `more` joins its value."""


class Nemesis:
    """Starts and heals the faults of one run: `async with Nemesis(…) as nemesis`.

    At the end of the block everything that is still broken is healed, the last fault first, each
    within `HEAL_WITHIN_S`; one that will not heal does not keep the others from it.
    """

    def __init__(self, levers: Levers, record: Record, clients: Sequence[str], seed: int) -> None:
        self._levers = levers
        self._record = record
        self._clients = clients
        self._seed = seed
        self._struck: list[tuple[Fault, Strike]] = []

    async def __aenter__(self) -> Nemesis:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failures = [
            failure
            for _, strike in reversed(self._struck)
            if (failure := await self._heal_within(strike))
        ]
        self._struck.clear()
        if not failures:
            return
        if error is None:
            raise failures[0]
        for failure in failures:
            error.add_note(f"and a fault did not heal: {failure!r}")

    async def start(self, fault: Fault) -> None:
        """Make the fault happen. Raises `CannotExpress`, and whatever a lever raises."""
        kind = kind_of(fault.name)
        hit = victims(fault, self._clients, self._seed)
        rng = substream(self._seed, f"nemesis/{fault.name}/{fault.after_s:g}")
        strike = Strike(self._levers, hit, values_of(fault), AsyncExitStack(), rng, fault.for_s)
        told = _value(fault, felt_by=list(kind.felt_by), **_spoils(kind, hit))
        op = self._record.invoke("nemesis", "start", told)
        # Known before it strikes: an interrupt in the middle heals the half that was done.
        self._struck.append((fault, strike))
        await self._act(kind, strike)
        if not kind.lasts:
            self._struck.remove((fault, strike))
        self._complete(op, strike)

    async def heal(self, fault: Fault) -> None:
        """Take back a fault that was started. Raises whatever a lever raises, `TimeoutError`."""
        struck = next(one for one in self._struck if one[0] is fault)
        _, strike = struck
        op = self._record.invoke("nemesis", "heal", _value(fault))
        if failure := await self._heal_within(strike):
            raise failure
        self._struck.remove(struck)
        self._complete(op, strike)

    async def _act(self, kind: FaultKind, strike: Strike) -> None:
        await kind.act(strike)
        if not kind.lasts:
            await strike.healing.aclose()

    async def _heal_within(self, strike: Strike) -> Exception | None:
        try:
            async with asyncio.timeout(HEAL_WITHIN_S):
                await strike.healing.aclose()
        except Exception as error:
            return error
        return None

    def _complete(self, op: Op, strike: Strike) -> None:
        hits: dict[str, Any] = {"hits": struck} if (struck := strike.count()) else {}
        self._record.complete(op, "info", **hits)


def _spoils(kind: FaultKind, hit: Victims) -> dict[str, Any]:
    """What a judge must know to blame nobody for it."""
    told: dict[str, Any] = {"spoils": list(kind.spoils)} if kind.spoils else {}
    return told if hit is None else {**told, "victims": list(hit)}


def _value(fault: Fault, **more: object) -> dict[str, Any]:
    """The fault with all that it is, for a judge knows no defaults."""
    own = {key: value for key, value in values_of(fault).items() if value is not None}
    return {"fault": fault.name, **own, **more}
