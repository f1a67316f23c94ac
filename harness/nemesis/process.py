"""Faults of a client's process: it stands still, is killed, or its event loop is blocked."""

from __future__ import annotations

from collections.abc import Mapping

from harness.nemesis.application import application
from harness.nemesis.kind import Act, Category, FaultKind, Strike
from harness.nemesis.parameters import DURATION, Parameter
from harness.nemesis.victims import VICTIMS

_ELSEWHERE: Mapping[str, str] = {"sim": "a process of its own cannot live in virtual time"}
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


def _kind(
    name: str, meaning: str, act: Act, *own: Parameter, of: Category = "process"
) -> FaultKind:
    return FaultKind(
        name=name,
        meaning=meaning,
        category=of,
        act=act,
        lasts=True,
        parameters=(*own, *VICTIMS),
        felt_by=_STILL,
        elsewhere=_ELSEWHERE,
    )


PROCESS: tuple[FaultKind, ...] = (
    _kind(
        "suspend", "the client's process stands still (SIGSTOP), with its sockets open", _suspend
    ),
    _kind("kill", "the client's process is killed (SIGKILL), and started again at the heal", _kill),
    _kind(
        "block",
        "something blocks the client's event loop",
        _block,
    ),
    _kind(
        "callback_slow",
        "the application's callback of a message holds up the loop that calls it",
        _callback_slow,
        Parameter("seconds", DURATION, 0.5, "how long each callback takes", "seconds"),
        of="code",
    ),
)
"""The faults of a client's process. The client must be a program of its own: `manager_process`."""
