"""Whom a fault hits: by name, or by a lot that has a name."""

from __future__ import annotations

from typing import Any

import pytest

from harness.nemesis import BadFault, Fault, cohorts
from harness.nemesis.victims import victims
from harness.scenario import Scenario
from harness.workloads import Broadcast

CLIENTS = tuple(f"client-{number}" for number in range(10))


def drawn(seed: int = 1, **parameters: Any) -> tuple[str, ...]:
    found = victims(Fault("rst", after_s=1, **parameters), CLIENTS, seed)
    assert found is not None
    return found


def test_without_a_word_everybody_is_hit() -> None:
    assert victims(Fault("rst", after_s=1), CLIENTS, 1) is None


def test_victims_can_be_named_and_keep_the_order_of_the_clients() -> None:
    assert drawn(clients=["client-3", "client-1"]) == ("client-1", "client-3")


def test_a_share_is_drawn_by_the_seed_of_the_run_and_the_name_of_the_lot() -> None:
    assert len(drawn(clients_share=0.3)) == 3
    assert len(drawn(clients_share=0.01)) == 1
    assert drawn(clients_share=0.3) == drawn(clients_share=0.3)
    lots = {drawn(seed, clients_share=0.3, clients_seed=lot) for seed in (1, 2, 3) for lot in "ab"}
    assert len(lots) > 3


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"clients": ["client-7"]}, "there is no client 'client-7'; there are: client-0, client-1"),
        ({"clients": []}, r"clients=\[\] is not a list of different names"),
        ({"clients": "client-0"}, "clients='client-0' is not a list of different names"),
        ({"clients_share": 0}, "clients_share=0 is not a number above 0 to 1"),
        ({"clients_share": 2}, "clients_share=2 is not a number above 0 to 1"),
        ({"clients": ["client-0"], "clients_share": 0.5}, "clients or clients_share, not both"),
    ],
)
def test_victims_that_cannot_be_are_refused_before_anything_runs(
    parameters: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadFault, match=complaint):
        Scenario(faults=[Fault("rst", after_s=1, **parameters)], workload=Broadcast(clients=2))


def test_clients_that_every_fault_treats_alike_share_a_way() -> None:
    faults = [
        Fault("rst", after_s=1, clients=["client-0", "client-1"]),
        Fault("fin", after_s=2, clients=["client-1"]),
        Fault("close", after_s=3),
    ]
    assert cohorts(faults, CLIENTS[:4], 1) == (
        ("client-0",),
        ("client-1",),
        ("client-2", "client-3"),
    )
    assert cohorts(faults[2:], CLIENTS, 1) == ()
