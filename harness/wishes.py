"""What an application wants of its client: open or not, and joined to which topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Wishes:
    """Wishes change as calls begin, whatever comes of the calls."""

    is_open: bool = False
    topics: dict[str, bool] = field(default_factory=dict)
    """Whether a topic is wanted, in the order of asking. One that was not left before a close is
    not wanted any more, but the client may take it up again at the next open."""

    @property
    def wanted(self) -> list[str]:
        """The topics that are wanted."""
        return [topic for topic, wanted in self.topics.items() if wanted]

    def change(self, f: str, value: Mapping[str, Any]) -> dict[str, bool]:
        """A call begins; returns the topics that are wanted from now on, or no longer."""
        match f:
            case "open":
                self.is_open = True
            case "close":
                self.is_open = False
                dropped = dict.fromkeys(self.wanted, False)
                self.topics |= dropped
                return dropped
            case "subscribe":
                self.topics[str(value["topic"])] = True
                return {str(value["topic"]): True}
            case "leave":
                self.topics.pop(str(value["topic"]), None)
                return {str(value["topic"]): False}
        return {}
