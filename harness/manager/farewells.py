"""Leaves that the server has not answered yet: said again until it does, so that nothing stays."""

from __future__ import annotations

from dataclasses import dataclass

from harness.manager.outlet import Outlet
from harness.protocol import PHX_LEAVE


@dataclass(slots=True)
class _Farewell:
    join_ref: str | None
    ref: str = ""
    repeat_s: float = 0.0
    said: int = 0


class Farewells:
    """The unanswered leaves of one link, one a topic.

    An application that hung for a moment may have lost a leave that its socket took: without a
    second one the server would hold a join that nobody owns for as long as the link lives. A
    repeated leave is harmless: a topic that is not joined is left with ok, and a leave with another
    join_ref than the live one is ignored (`protocol.md §1.8`, `§2.8`).
    """

    def __init__(self, outlet: Outlet, repeat_after_s: float, leaves_max: int) -> None:
        self._outlet = outlet
        self._repeat_after_s = repeat_after_s
        self._leaves_max = leaves_max
        self._unanswered: dict[str, _Farewell] = {}

    def say(self, wire_topic: str, join_ref: str | None, due_s: float) -> str:
        """Send a leave for this join, and repeat it if it is unanswered at `due_s`; its ref."""
        farewell = self._unanswered[wire_topic] = _Farewell(join_ref)
        self._push(wire_topic, farewell, due_s)
        return farewell.ref

    def answered(self, wire_topic: object, ref: object) -> bool:
        """The server answered `ref`; returns whether that was a leave."""
        farewell = self._unanswered.get(str(wire_topic))
        if farewell is None or farewell.ref != ref:
            return False
        del self._unanswered[str(wire_topic)]
        return True

    def superseded(self, wire_topic: str) -> None:
        """A new join of the topic is sent: it ends the old one by itself."""
        self._unanswered.pop(wire_topic, None)

    def link_lost(self) -> None:
        """The server has forgotten every join of the link."""
        self._unanswered.clear()

    def timer(self, now_s: float) -> None:
        """Say again what is due; give up after `leaves_max`, for then nobody listens at all."""
        for wire_topic, farewell in list(self._unanswered.items()):
            if now_s < farewell.repeat_s:
                continue
            if farewell.said >= self._leaves_max:
                del self._unanswered[wire_topic]
            else:
                self._push(wire_topic, farewell, now_s + self._repeat_after_s)

    def deadlines_s(self) -> list[float]:
        """When `timer` must be called at the latest."""
        return [farewell.repeat_s for farewell in self._unanswered.values()]

    def _push(self, wire_topic: str, farewell: _Farewell, repeat_s: float) -> None:
        farewell.ref = self._outlet.next_ref()
        farewell.repeat_s = repeat_s
        farewell.said += 1
        self._outlet.stats.leaves_sent += 1
        join_ref = farewell.join_ref
        self._outlet.push(wire_topic, PHX_LEAVE, {}, ref=farewell.ref, join_ref=join_ref)
