"""The proxy is tested on both loops that it runs on: asyncio's own, and the fast one of Linux."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    """What pytest-asyncio runs each coroutine test of this folder with, by name."""
    if sys.platform != "linux":
        return {"asyncio": asyncio.new_event_loop}
    from harness.toxiproxy.fast_loop import FastLoop

    return {"asyncio": asyncio.new_event_loop, "fast": FastLoop}
