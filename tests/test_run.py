"""How a run goes: what is recorded when a client misbehaves, and what the verdict says then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from harness import store as store_module
from harness.clients.contract import Listener, Maker
from harness.clients.manager import Manager
from harness.history import History, Op
from harness.nemesis import CannotExpress, Fault, Victims
from harness.run import Storm, run_storm
from harness.scenario import Scenario
from harness.store import Cell, Store
from harness.verdict import Judgement, Outcome
from harness.workloads import Broadcast, Changes
from harness.worlds.sim import SimulatedNetwork, SimWorld
from tests.servers import make_server

CELL = Cell("story", "client", "sim", 1)
QUICK = Scenario(faults=[Fault("rst", after_s=2)], recovery_within_s=10, settle_s=6)


class Nothing:
    """A client that does as little as the contract lets it."""

    def __init__(self, rng: Random) -> None:
        pass

    def on_event(self, listener: Listener) -> None:
        pass

    async def open(self, url: str, name: str) -> None:
        pass

    async def invoke(self, op: Op) -> Op:
        return replace(op, type="info")

    async def close(self) -> None:
        pass


class Hanging(Nothing):
    async def invoke(self, op: Op) -> Op:
        await asyncio.Event().wait()
        return op

    async def close(self) -> None:
        await asyncio.Event().wait()


class Telltale(Nothing):
    async def open(self, url: str, name: str) -> None:
        raise ConnectionError(f"cannot reach {url}")


def play(
    maker: Maker, tmp_path: Path, scenario: Scenario = QUICK
) -> tuple[Judgement, Callable[[], History]]:
    store = Store(tmp_path)
    judgement = run_storm(Storm(CELL, scenario, maker), SimWorld(make_server), store)
    return judgement, lambda: store.read_history(CELL)


def test_a_run_goes_through_its_phases_and_ends_with_the_final_reads(tmp_path: Path) -> None:
    judgement, history = play(Manager, tmp_path)
    assert judgement.outcome is Outcome.VALID, judgement.reason
    phases = [op.value["phase"] for op in history().where("phase")]
    assert phases == ["steady", "faults", "calm", "final", "end"]
    assert [op.f for op in history().ops[-2:]] == ["membership", "phase"]


def test_the_nemesis_is_recorded_before_and_after_it_acts(tmp_path: Path) -> None:
    """Losses can be seen before the act that caused them has returned."""
    _, history = play(Manager, tmp_path)
    assert [op.type for op in history() if op.process == "nemesis"] == ["invoke", "info"]


def test_what_a_fault_is_by_default_is_recorded_for_the_judge(tmp_path: Path) -> None:
    story = replace(QUICK, faults=[Fault("clock_drift", after_s=1, for_s=2)])
    _, history = play(Manager, tmp_path, story)
    acts = [op for op in history() if op.process == "nemesis"]
    assert [op.value["factor"] for op in acts] == [2.0] * 4


def test_rows_are_inserted_beside_the_broadcasts_for_whoever_listens(tmp_path: Path) -> None:
    judgement, history = play(Manager, tmp_path, replace(QUICK, workload=Changes()))
    assert judgement.checkers["feed"].outcome is Outcome.VALID, judgement.reason
    rows = [op.value["id"] for op in history().where("insert", type="ok")]
    assert rows == list(range(1, len(rows) + 1))
    (asked,) = (op.value["changes"] for op in history().where("subscribe", type="invoke"))
    assert asked == [{"event": "INSERT", "schema": "public", "table": "numbers"}]
    first_fault_s = history().where("start")[0].time_s
    assert history().where("feed_live")[0].time_s < first_fault_s


def test_a_client_that_is_started_again_is_asked_for_the_same(tmp_path: Path) -> None:
    story = replace(QUICK, faults=[Fault("kill", after_s=2, for_s=3)], workload=Changes())
    judgement, history = play(Manager, tmp_path, story)
    assert judgement.checkers["feed"].outcome is Outcome.VALID, judgement.reason
    asked = [op.value["changes"] for op in history().where("subscribe", type="invoke")]
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_a_table_that_the_server_does_not_have_is_named(tmp_path: Path) -> None:
    story = replace(QUICK, workload=Changes(table="nowhere"))
    verdict = play(Manager, tmp_path, story)[0].checkers["feed"]
    assert verdict.outcome is Outcome.UNKNOWN
    assert 'relation "nowhere" does not exist' in verdict.reason


def test_a_client_that_hangs_is_waited_for_within_bounds(tmp_path: Path) -> None:
    judgement, history = play(Hanging, tmp_path)
    assert judgement.outcome is Outcome.UNKNOWN
    assert history().where("subscribe", type="invoke")
    assert history().where("phase")[-1].value["phase"] == "end"


def test_a_client_that_quotes_its_key_does_not_get_it_into_the_history(tmp_path: Path) -> None:
    play(Telltale, tmp_path)
    text = (tmp_path / CELL.path / "history.jsonl").read_text()
    assert "cannot reach ws://server:4000" in text
    assert "eyJ" not in text


def test_what_a_world_cannot_express_is_not_applicable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(self: SimulatedNetwork, victims: Victims) -> None:
        raise CannotExpress("no means")

    monkeypatch.setattr(SimulatedNetwork, "rst", cannot)
    judgement, _ = play(Manager, tmp_path)
    assert judgement.outcome is Outcome.NOT_APPLICABLE
    assert "no means" in judgement.reason


def test_a_story_told_elsewhere_only_is_not_applicable(tmp_path: Path) -> None:
    judgement, _ = play(Manager, tmp_path, replace(QUICK, worlds=("wire",)))
    assert judgement.outcome is Outcome.NOT_APPLICABLE


def test_a_fault_is_healed_when_the_run_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens, nothing is left broken for the next run."""
    healed: list[str] = []

    @asynccontextmanager
    async def hole(
        self: SimulatedNetwork, victims: Victims, *, up: bool, down: bool
    ) -> AsyncIterator[None]:
        try:
            yield
        finally:
            healed.append("hole")

    async def breaks(self: SimulatedNetwork, victims: Victims) -> None:
        raise RuntimeError("the lever came off")

    monkeypatch.setattr(SimulatedNetwork, "hole", hole)
    monkeypatch.setattr(SimulatedNetwork, "rst", breaks)
    faults = [Fault("hole", after_s=1, for_s=60), Fault("rst", after_s=2)]
    judgement, _ = play(Manager, tmp_path, Scenario(faults=faults))
    assert judgement.outcome is Outcome.UNKNOWN
    assert "the lever came off" in judgement.reason
    assert healed == ["hole"]


def test_a_run_that_is_out_of_hand_ends_at_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "OPS_MAX", 50)
    judgement, _ = play(Manager, tmp_path)
    assert judgement.outcome is Outcome.UNKNOWN
    assert "history is full: 50 ops" in judgement.reason


def test_a_slow_source_speeds_up_as_soon_as_the_faults_are_over(tmp_path: Path) -> None:
    """Recovery must not wait for a source that was told to spare the history during the fault."""
    scenario = Scenario(
        faults=[Fault("refuse", after_s=5, for_s=300)],
        workload=Broadcast(sends_every_s=None, period_s=0.5, fault_period_s=200),
    )
    judgement, history = play(Manager, tmp_path, scenario)
    assert judgement.outcome is Outcome.VALID, judgement.reason
    calm_s = history().where("heal")[-1].time_s
    published = [op.time_s for op in history().where("broadcast", process="source")]
    assert any(calm_s < time_s < calm_s + 1 for time_s in published)


def test_the_same_seed_writes_the_same_history(tmp_path: Path) -> None:
    _, first = play(Manager, tmp_path / "a")
    _, second = play(Manager, tmp_path / "b")
    assert first() == second()
