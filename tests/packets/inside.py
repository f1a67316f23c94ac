"""A thread in a namespace of its own, for tests that need one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

from harness.packets import CannotIsolate, Namespace, check_possible

T = TypeVar("T")

PATIENCE_S = 30.0


def require_namespaces() -> None:
    """Where this machine allows none it is unknown, and in CI a failure."""
    try:
        check_possible()
    except CannotIsolate as error:
        if os.environ.get("CI"):
            pytest.fail(f"no network namespace: {error}")
        pytest.skip(f"unknown: no network namespace: {error}")


@contextmanager
def a_namespace() -> Iterator[Callable[[Callable[[Namespace], T]], T]]:
    """Runs a story in the thread of a new namespace: `inside(story)`."""
    require_namespaces()
    with ThreadPoolExecutor(1) as pool:
        namespace = pool.submit(Namespace).result(PATIENCE_S)

        def inside(story: Callable[[Namespace], T]) -> T:
            return pool.submit(story, namespace).result(PATIENCE_S)

        yield inside
