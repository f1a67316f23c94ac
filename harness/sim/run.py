"""Run a program in a simulation of its own, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from math import inf
from typing import Any, TypeVar

from harness.sim.determinism import deterministic
from harness.sim.errors import EscapedSimulation, SimDeadlock, VirtualTimeLimit
from harness.sim.loop import SimLoop

T = TypeVar("T")

CLEANUP_S_MAX = 3600.0
"""Virtual seconds that cancelled tasks may take to end."""


def run(
    main: Callable[[SimLoop], Coroutine[Any, Any, T]],
    *,
    seed: int = 0,
    limit_s: float = inf,
    epoch_s: float = 1_800_000_000.0,
) -> T:
    """Run `main(loop)` on a fresh `SimLoop`; clocks and entropy are simulated only meanwhile.

    What is left over is cancelled in the order of its birth. Raises what `main` raises,
    `SimDeadlock` for a hang (also of the clean-up), `VirtualTimeLimit` and `EscapedSimulation`.
    """
    with closing(SimLoop(seed, limit_s=limit_s, epoch_s=epoch_s)) as loop, deterministic(loop):
        try:
            result = loop.run_until_complete(main(loop))
        except BaseException:
            # What went wrong first is what counts.
            with suppress(EscapedSimulation, SimDeadlock, VirtualTimeLimit):
                _clean_up(loop)
            raise
        _clean_up(loop)
    return result


def _clean_up(loop: SimLoop) -> None:
    loop.limit_s = loop.now_s + CLEANUP_S_MAX
    tasks = loop.pending_tasks()
    for task in tasks:
        task.cancel()
    loop.release_hosts()
    try:
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.raise_escape()
    finally:
        for task in loop.pending_tasks():
            # The error names those that would not end; asyncio need not, when they are collected.
            setattr(task, "_log_destroy_pending", False)  # noqa: B010
