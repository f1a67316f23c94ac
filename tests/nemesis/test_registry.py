"""Faults by name: what cannot strike is refused before anything runs."""

import pytest

from harness.nemesis import FAULTS, BadFault, Fault, check_fault, check_schedule
from harness.scenario import Scenario


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault("earthquake", after_s=1), "unknown fault 'earthquake'; known: .*hole.*refuse"),
        (Fault("refuse", after_s=1), "'refuse' lasts: say for how long"),
        (Fault("rst", after_s=1, for_s=2), "'rst' happens once"),
        (
            Fault("drain", after_s=1, speed=3),
            "has no parameter 'speed'; .*it has: batch, gap_s, code",
        ),
        (Fault("tenant_reload", after_s=1, speed=3), "it has: none"),
        (Fault("hoel", after_s=1, for_s=2), "'hoel'; did you mean 'hole'. known: "),
        (Fault("drain", after_s=1, bach=3), "'bach'; did you mean 'batch'. it has: "),
        (Fault("hole", after_s=1, for_s=2, direction="dwon"), "up, down.*; did you mean 'down'"),
    ],
)
def test_a_fault_that_cannot_strike_is_refused(fault: Fault, complaint: str) -> None:
    with pytest.raises(BadFault, match=complaint):
        check_fault(fault)
    with pytest.raises(BadFault):
        Scenario(faults=[fault])


@pytest.mark.parametrize(("after_s", "for_s"), [(-1, None), (0, 0), (0, -3)])
def test_a_fault_outside_of_time_is_refused(after_s: float, for_s: float | None) -> None:
    with pytest.raises(BadFault, match="say"):
        Fault("refuse", after_s=after_s, for_s=for_s)


def test_every_known_fault_can_be_written_down_and_read_aloud() -> None:
    for name in FAULTS:
        assert repr(Fault(name, after_s=1.5)) == f"Fault({name!r}, after_s=1.5)"


def test_one_fault_may_strike_different_clients_at_once() -> None:
    one = Fault("hole", after_s=1, for_s=5, clients=["client-0"])
    check_schedule([one, Fault("hole", after_s=2, for_s=5, clients=["client-1"])])
    for clients in (["client-1", "client-0"], None):
        with pytest.raises(BadFault, match="make them one"):
            check_schedule([one, Fault("hole", after_s=2, for_s=5, clients=clients)])
