"""The choices of a run, and what is said about those that cannot be followed."""

from typing import Any

import pytest

from harness.clients.registry import UnknownClient
from harness.options import BadOption, Options, read_options


def read(**said: Any) -> Options:
    defaults: dict[str, Any] = {
        "worlds": [],
        "clients": [],
        "compare": [],
        "seed": "1",
        "seeds": "1",
        "report": None,
        "schedule": None,
        "shrink": False,
        "long": False,
        "toxiproxy": "embedded",
    }
    return read_options(**{**defaults, **said})


def test_by_default_the_manager_is_stormed_in_both_worlds() -> None:
    assert read().cells() == [("manager", "sim", 1), ("manager", "wire", 1)]


def test_seeds_multiply_in_virtual_time_only() -> None:
    cells = read(seeds="3", seed="7").cells()
    expected = [("sim", 7), ("sim", 8), ("sim", 9), ("wire", 7)]
    assert cells == [("manager", world, seed) for world, seed in expected]


def test_a_client_under_test_is_not_compared_as_well() -> None:
    options = read(clients=["realtime_py"], compare=["manager,realtime_py"])
    assert (options.clients, options.compare) == (("realtime_py",), ("manager",))


def test_packets_are_lost_only_where_it_is_said() -> None:
    assert read().worlds == ("sim", "wire")
    assert read(worlds=["packets,sim"]).worlds == ("sim", "packets")
    assert read(worlds=["all"]).worlds == ("sim", "wire", "packets")


def test_a_world_among_all_was_not_asked_for_by_name() -> None:
    assert "packets" in read(worlds=["packets"]).asked_for
    assert "packets" not in read(worlds=["all"]).asked_for


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"worlds": ["mars"]}, "unknown world 'mars'; known: sim, wire, packets, all"),
        ({"seeds": "0"}, "say 1 to"),
        ({"seeds": "many"}, "say 1 to"),
        ({"toxiproxy": "8474"}, "is not HOST:PORT"),
        ({"toxiproxy": "host:99999"}, "is not HOST:PORT"),
    ],
)
def test_an_option_that_cannot_be_followed_is_named(said: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadOption, match=complaint):
        read(**said)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nobody", "unknown client 'nobody'; known: manager, realtime_py"),
        ("no.such.module:make", "cannot be imported"),
        ("harness.history:no_such_name", "has no 'no_such_name'"),
        ("harness.history:SCHEMA", "is no factory"),
    ],
)
def test_an_unknown_client_is_named_and_the_known_are_listed(spec: str, complaint: str) -> None:
    with pytest.raises(UnknownClient, match=complaint):
        read(clients=[spec])
