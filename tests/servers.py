"""The server that tests storm clients against, made as worlds ask for it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fake_server import FakeServer
from harness.worlds.world import OnTruth


def make_server(on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> FakeServer:
    """A fake server with its default configuration."""
    return FakeServer(on_truth=on_truth, clock=clock, rng=rng)
