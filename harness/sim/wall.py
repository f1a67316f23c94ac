"""The functions of `time` that show the wall clock, all of them by one source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any


def wall_clocks(
    wall_s: Callable[[], float], wall_ns: Callable[[], int]
) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Each by its name in `time`. `datetime.now()` is none of them: C code asks the machine."""
    gmtime, localtime = time.gmtime, time.localtime
    yield "time", wall_s
    yield "time_ns", wall_ns
    yield "gmtime", lambda secs=None: gmtime(wall_s() if secs is None else secs)
    yield "localtime", lambda secs=None: localtime(wall_s() if secs is None else secs)
