"""Noop: everything passes at once."""

from __future__ import annotations

from harness.toxics import Noop, Signal
from tests.toxics.driving import chain_of, run


def test_everything_passes_at_once() -> None:
    left = run(chain_of(Noop()), [(0.0, b"a"), (1.0, b"b"), (1.5, Signal.END)])
    assert left == [(0.0, b"a"), (1.0, b"b"), (1.5, Signal.END)]
