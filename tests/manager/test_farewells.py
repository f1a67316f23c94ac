"""Unanswered leaves: which answer belongs to which, and that there is an end to repeating."""

from __future__ import annotations

from harness.manager.farewells import Farewells
from harness.manager.outlet import Outlet


def farewells() -> Farewells:
    return Farewells(Outlet(1000), repeat_after_s=5.0, leaves_max=3)


def test_only_the_newest_leave_of_a_topic_can_be_answered() -> None:
    leaves = farewells()
    first = leaves.say("realtime:a", "1", 5.0)
    leaves.timer(5.0)
    assert not leaves.answered("realtime:a", first)
    assert not leaves.answered("realtime:b", "2")
    assert leaves.answered("realtime:a", "2")
    assert not leaves.answered("realtime:a", "2")
    assert leaves.deadlines_s() == []


def test_nothing_is_pending_after_the_last_repeat() -> None:
    leaves = farewells()
    leaves.say("realtime:a", "1", 5.0)
    for now_s in (5.0, 10.0, 15.0):
        assert leaves.deadlines_s() == [now_s]
        leaves.timer(now_s)
    assert leaves.deadlines_s() == []
