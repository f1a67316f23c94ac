"""The outlet: order, refs that never come twice, and a count of what the socket has not taken."""

from __future__ import annotations

from harness.manager import Connected
from harness.manager.effects import Emit, Write
from harness.manager.outlet import Outlet


def test_effects_come_out_once_and_in_order() -> None:
    outlet = Outlet(1000)
    outlet.link = 3
    outlet.emit(Connected())
    outlet.push("phoenix", "heartbeat", {}, ref="7")
    assert outlet.drain() == [
        Emit(Connected()),
        Write(3, '[null,"7","phoenix","heartbeat",{}]'),
    ]
    assert outlet.drain() == []


def test_refs_never_come_twice() -> None:
    outlet = Outlet(1000)
    refs = [outlet.next_ref() for _ in range(1000)]
    assert len(dict.fromkeys(refs)) == 1000


def test_what_is_not_yet_taken_uses_up_the_room() -> None:
    outlet = Outlet(40)
    assert outlet.has_room
    outlet.push("phoenix", "heartbeat", {}, ref="1")
    assert outlet.has_room
    outlet.push("phoenix", "heartbeat", {}, ref="2")
    assert not outlet.has_room
