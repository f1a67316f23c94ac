"""Says in words where the tasks of a program wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import PurePath
from types import FrameType
from typing import Any

TASKS_SHOWN_MAX = 20


def describe_tasks(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """One line a task: its name, what it runs, and the innermost place where it waits."""
    lines = [_describe(task) for task in tasks]
    if len(lines) > TASKS_SHOWN_MAX:
        lines[TASKS_SHOWN_MAX:] = [f"and {len(lines) - TASKS_SHOWN_MAX} more"]
    return "".join(f"\n  {line}" for line in lines) or "\n  no task is pending"


def _describe(task: asyncio.Task[Any]) -> str:
    awaiting = task.get_coro()
    runs = getattr(awaiting, "__qualname__", repr(awaiting))
    place = "nowhere: it has not begun"
    while awaiting is not None:
        place = _place(awaiting) or place
        awaiting = _next(awaiting)
    return f"{task.get_name()} ({runs}) waits at {place}"


def _next(awaiting: Any) -> Any:
    """What a coroutine, generator or asynchronous generator waits for in turn."""
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(awaiting, name):
            return getattr(awaiting, name)
    return None


def _place(awaiting: Any) -> str | None:
    for name in ("cr_frame", "gi_frame", "ag_frame"):
        frame: FrameType | None = getattr(awaiting, name, None)
        if frame is not None and frame.f_lasti >= 0:
            code = frame.f_code
            return f"{PurePath(code.co_filename).name}:{frame.f_lineno} in {code.co_name}"
    return None
