"""Every lever of the fake server is a fault, with every parameter that a story can use."""

from __future__ import annotations

import pytest

from fake_server.levers.registry import LEVERS
from harness.nemesis import FAULTS, VICTIMS, Fault, check_fault

NAMED = {"clock_jump": "server_clock_jump"}
"""The levers whose fault has another name."""
BY_VICTIMS = ("conn", "client")
"""What `clients` says in a story."""
BY_SCHEDULE = ("for_s",)


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_is_a_fault(lever: str) -> None:
    kind = FAULTS[NAMED.get(lever, lever)]
    assert kind.category == "server"
    at_server = {one.name for one in LEVERS[lever].parameters} - {*BY_VICTIMS, *BY_SCHEDULE}
    assert {one.name for one in kind.parameters if one not in VICTIMS} == at_server
    said = {one.name: one.default for one in kind.parameters}
    for one in LEVERS[lever].parameters:
        if isinstance(one.default, str) and one.name in said:
            assert said[one.name] in (one.default, None), "two words for one thing"
    can_choose = "client" in {one.name for one in LEVERS[lever].parameters}
    assert kind.can_choose is can_choose


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_strikes_without_a_word_about_its_parameters(name: str) -> None:
    """So that a schedule can draw it by name alone."""
    kind = FAULTS[name]
    check_fault(Fault(name, after_s=1, for_s=5 if kind.lasts else None, **kind.example))
