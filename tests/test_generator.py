"""Schedules as values."""

import pytest

from harness.generator import BadCall, call, calm_s, timeline
from harness.nemesis import Fault

OUTAGE = Fault("refuse", after_s=5, for_s=20)
RESET = Fault("rst", after_s=25)


def test_a_timeline_starts_and_heals_in_order_of_time() -> None:
    acts = [(act.at_s, act.f, act.fault.name) for act in timeline([RESET, OUTAGE])]
    assert acts == [(5, "start", "refuse"), (25, "heal", "refuse"), (25, "start", "rst")]


def test_calm_begins_after_the_last_act_of_anybody() -> None:
    assert calm_s([OUTAGE, RESET]) == 25
    assert calm_s([OUTAGE], [call(40, "leave", topic="room")]) == 40
    assert calm_s([]) == 0


def test_a_call_names_its_process_and_its_value() -> None:
    one = call(1, "leave", process="client-3", topic="room")
    assert (one.process, one.value) == ("client-3", {"topic": "room"})


def test_an_application_may_close_its_client_and_open_it() -> None:
    assert [call(1, f).value for f in ("close", "open")] == [{}, {}]
    with pytest.raises(BadCall, match="it must say: "):
        call(1, "close", topic="room")
