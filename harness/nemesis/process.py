"""Faults of a client's process: it stands still or dies, its loop is blocked, its clock wrong."""

from __future__ import annotations

from typing import Any

from harness.nemesis.application import application
from harness.nemesis.kind import Act, Category, FaultKind, Strike
from harness.nemesis.parameters import DURATION, SHIFT, Parameter, number
from harness.nemesis.victims import VICTIMS

_STILL = ("late", "missed", "disconnect", "slow_call", "lost")
"""Signs of a client that stood still or was gone."""


async def _suspend(strike: Strike) -> None:
    await strike.hold(application(strike).suspended(strike.victims))


async def _kill(strike: Strike) -> None:
    await strike.hold(application(strike).killed(strike.victims))


async def _block(strike: Strike) -> None:
    assert strike.for_s is not None, "it lasts"
    await application(strike).block(strike.victims, strike.for_s)


async def _callback_slow(strike: Strike) -> None:
    await strike.hold(application(strike).slow_callbacks(strike.victims, strike["seconds"]))


async def _clock_jump(strike: Strike) -> None:
    await application(strike).clock_jump(strike.victims, strike["by_s"])
    strike.count = lambda: 1


async def _clock_drift(strike: Strike) -> None:
    await strike.hold(application(strike).clock_drift(strike.victims, strike["factor"]))
    strike.count = lambda: 1


async def _wall_clock_jump(strike: Strike) -> None:
    await application(strike).wall_clock_jump(strike.victims, strike["by_s"])
    strike.count = lambda: 1


def _kind(
    name: str, meaning: str, act: Act, *own: Parameter, of: Category = "process", **more: Any
) -> FaultKind:
    more = {"lasts": True, "felt_by": _STILL, **more}
    return FaultKind(
        name=name,
        meaning=meaning,
        category=of,
        act=act,
        parameters=(*own, *VICTIMS),
        **more,
    )


PROCESS: tuple[FaultKind, ...] = (
    _kind(
        "suspend",
        "the client's process stands still (SIGSTOP), with its sockets open",
        _suspend,
        spoils=("word", "answer", "spread"),
    ),
    _kind(
        "kill",
        "the client's process is killed (SIGKILL), and started again at the heal",
        _kill,
        spoils=("answer", "spread"),
    ),
    _kind(
        "block",
        "something blocks the client's event loop",
        _block,
        spoils=("word", "answer", "spread"),
    ),
    _kind(
        "callback_slow",
        "the application's callback of a message holds up the loop that calls it",
        _callback_slow,
        Parameter("seconds", DURATION, 0.5, "how long each callback takes", "seconds"),
        of="code",
        spoils=("answer",),
    ),
    _kind(
        "clock_jump",
        "the clock of the client's event loop jumps, and with it every timer; its wall clock and "
        "its monotonic clock stay right",
        _clock_jump,
        Parameter("by_s", SHIFT, 3600.0, "how far", "seconds"),
        of="clock",
        lasts=False,
        felt_by=("hits",),
        spoils=("answer",),
    ),
    _kind(
        "clock_drift",
        "the clock of the client's event loop runs too fast or too slow; its wall clock and its "
        "monotonic clock stay right",
        _clock_drift,
        Parameter("factor", number(0.01, 100), 2.0, "so many times as fast as the real one"),
        of="clock",
        felt_by=("hits",),
        spoils=("answer",),
    ),
    _kind(
        "wall_clock_jump",
        "the wall clock of the client's process is set (`time.time()` and its kin, not "
        "`datetime.now()`); no timer of its event loop moves",
        _wall_clock_jump,
        Parameter("by_s", SHIFT, 3600.0, "how far", "seconds"),
        of="clock",
        lasts=False,
        felt_by=("hits",),
    ),
)
"""The faults of a client's process. In sim each client has one; in real time the client must be a
program of its own, as `manager_process` is."""
