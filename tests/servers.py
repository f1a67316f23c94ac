"""The server that tests storm clients against, made as worlds ask for it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fake_server import FakeServer, ServerConfig
from harness.worlds.world import OnTruth
from scenarios.project import PROJECT


def make_server(on_truth: OnTruth, clock: Callable[[], float], rng: Random) -> FakeServer:
    """A fake server with its default configuration, and the project of the storms."""
    return FakeServer(ServerConfig(schema=PROJECT), on_truth, clock=clock, rng=rng)
