"""Simulation, embedded and real Toxiproxy do the same to a client; the kit holds each to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from harness.clients.registry import load_client
from harness.parity import Tolerance, check_world
from harness.parity.kit import MakeWorld
from harness.toxiproxy.choice import BadChoice, Binary, Choice, Embedded
from harness.worlds.sim import SimWorld
from harness.worlds.wire import WireWorld
from tests.servers import make_server
from tests.toxiproxy.servers import find_real_toxiproxy, required_real_toxiproxy

# Our own suite turns warnings into errors, which would break a client from within.
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SIDE_BY_SIDE = 18

Held = Callable[[], tuple[str, ...]]


def behind(choice: Choice) -> MakeWorld:
    return lambda make_server: WireWorld(make_server, toxiproxy=choice)


@pytest.fixture(scope="module")
def held() -> Iterator[dict[str, Future[tuple[str, ...]]]]:
    """The worlds in real time, held at one time: they mostly wait."""
    asked: dict[str, tuple[Choice, str]] = {
        "embedded": (Embedded(), "manager"),
        "embedded, the bare client": (Embedded(), "realtime_py"),
    }
    with suppress(BadChoice):
        asked["real"] = Binary(find_real_toxiproxy()), "manager"
    with ThreadPoolExecutor(len(asked)) as pool:
        yield {
            name: pool.submit(
                check_world,
                behind(choice),
                make_server,
                load_client(client),
                side_by_side=SIDE_BY_SIDE,
            )
            for name, (choice, client) in asked.items()
        }


def test_the_simulation_keeps_the_laws() -> None:
    """To the resolution of its clock, and the time that its network takes."""
    exact = Tolerance(early_s=0.0, late_s=0.03, recovery_s=0.0)
    assert check_world(SimWorld, make_server, load_client("manager"), tolerance=exact) == ()


@pytest.mark.parametrize("name", ["embedded", "embedded, the bare client", "real"])
def test_wire_is_as_the_simulation_behind(
    name: str, held: dict[str, Future[tuple[str, ...]]]
) -> None:
    """Only the loop and the URL differ, so neither the effects nor the stories may."""
    if name == "real":
        assert isinstance(required_real_toxiproxy(), Path)
    assert held[name].result() == ()
