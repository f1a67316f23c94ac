"""Hand-made run folders: written as a run writes them, through the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.store import Cell, ClientInfo, RunInfo, Store
from harness.verdict import Judgement, Outcome, Sli, Verdict

VALID, INVALID = Outcome.VALID, Outcome.INVALID
UNKNOWN, NOT_APPLICABLE = Outcome.UNKNOWN, Outcome.NOT_APPLICABLE


def cell(
    scenario: str = "outage", client: str = "manager", world: str = "sim", seed: int = 1
) -> Cell:
    return Cell(scenario, client, world, seed)


def recovered(
    outcome: Outcome, recovery_s: float | None, reason: str = "it was said so"
) -> Judgement:
    """What the recovery checker would say."""
    slis = {"recovery_s": Sli(value=recovery_s, unit="s")}
    return Judgement({"recovery": Verdict(outcome, reason, {}, slis)})


def says(outcome: Outcome, reason: str = "it was said so", **numbers: float | None) -> Judgement:
    """One checker's verdict, with numbers."""
    slis = {name: Sli(value=value, unit="messages") for name, value in numbers.items()}
    return Judgement({"delivery": Verdict(outcome, reason, {}, slis)})


SOUND = recovered(VALID, 3.0)
DEAD = recovered(INVALID, None, "dead: 1 of 1 channel never worked again")


def make_run(
    folder: Path,
    judgements: Mapping[Cell, Judgement | None],
    *,
    compared: tuple[str, ...] = (),
    replay: str = "pytest scenarios/test_outage.py --seed 1",
) -> Path:
    """A run folder; a cell without a judgement was planned and never reached."""
    clients = dict.fromkeys(one.client for one in judgements)
    store = Store(folder)
    store.write_run(
        RunInfo(
            clients=tuple(
                ClientInfo(name=name, version="1.0", gates=name not in compared) for name in clients
            ),
            worlds=("sim", "wire"),
            seeds=(1,),
            planned=tuple(judgements),
            started_at="2026-01-01T00:00:00Z",
            versions={"squall": "0.1.0"},
        )
    )
    for one, judgement in judgements.items():
        if judgement:
            store.write_judgement(one, judgement, replay)
    return folder
