"""The faults that only a kernel can make find the defects that are planted for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from harness.clients.contract import Maker
from harness.clients.manager import Manager
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell
from harness.verdict import Judgement, Outcome
from harness.worlds.packets import PacketsWorld
from tests.nemesis.finds import FINDS_IN_PACKETS
from tests.packets.inside import require_namespaces
from tests.servers import make_server

pytestmark = pytest.mark.filterwarnings("default")

Told = dict[tuple[str, str], Future[Judgement]]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """Side by side: the planted defect, the clean manager, and the defect without the fault."""
    require_namespaces()
    world = PacketsWorld(make_server)

    def tell(name: str, scenario: Scenario, maker: Maker) -> Judgement:
        return run_storm(Storm(Cell(name, "planted", "packets", 1), scenario, maker), world)

    with ThreadPoolExecutor(3 * len(FINDS_IN_PACKETS)) as pool:
        yield {
            (name, how): pool.submit(tell, name, scenario, maker)
            for name, find in FINDS_IN_PACKETS.items()
            for how, scenario, maker in (
                ("planted", find.scenario, find.maker),
                ("clean", find.scenario, Manager),
                ("calm", replace(find.scenario, faults=(), settle_s=8.0), find.maker),
            )
        }
    world.close()


@pytest.mark.parametrize("name", FINDS_IN_PACKETS)
def test_a_fault_finds_the_defect_that_is_planted_for_it(name: str, told: Told) -> None:
    judgement = told[name, "planted"].result()
    verdict = judgement.checkers[FINDS_IN_PACKETS[name].checker]
    assert verdict.outcome is Outcome.INVALID, judgement.reason


@pytest.mark.parametrize("name", FINDS_IN_PACKETS)
def test_the_clean_manager_stands_it(name: str, told: Told) -> None:
    judgement = told[name, "clean"].result()
    assert judgement.outcome is Outcome.VALID, judgement.reason


@pytest.mark.parametrize("name", FINDS_IN_PACKETS)
def test_the_defect_does_not_show_without_the_fault(name: str, told: Told) -> None:
    judgement = told[name, "calm"].result()
    verdict = judgement.checkers[FINDS_IN_PACKETS[name].checker]
    assert verdict.outcome is not Outcome.INVALID, verdict.reason
