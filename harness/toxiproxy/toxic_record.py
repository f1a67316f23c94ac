"""A toxic as the API keeps it: what was asked for, beside what safely runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from harness.toxics import TOXICS, Toxic

StreamName = Literal["upstream", "downstream"]
STREAMS: tuple[StreamName, StreamName] = ("upstream", "downstream")


@dataclass(slots=True)
class ToxicRecord:
    """One toxic of one proxy."""

    name: str
    type: str
    stream: str
    """As it was typed: `UPSTREAM` is accepted and echoed."""
    toxicity: float
    """The share of connections that the toxic affects; any number is accepted."""
    attributes: dict[str, int] = field(default_factory=dict)
    """As asked for; also values that the original cannot survive."""
    revision: int = 0
    """Counts updates: each draws the toxicity anew (`toxiproxy.md` §2.11)."""

    def __post_init__(self) -> None:
        asked = self.attributes
        self.attributes = {name: asked.get(name, 0) for name in attribute_names(self.type)}

    @property
    def stream_name(self) -> StreamName:
        """The stream it works on."""
        return "upstream" if self.stream.lower() == "upstream" else "downstream"

    def running(self) -> Toxic:
        """The toxic that runs: a negative value, which could end the original, counts as 0."""
        return TOXICS[self.type](**{name: max(0, n) for name, n in self.attributes.items()})

    def to_json(self) -> Mapping[str, Any]:
        """In Toxiproxy's order of keys (`toxiproxy.md` §1.2)."""
        return {
            "attributes": self.attributes,
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
        }


def attribute_names(type: str) -> list[str]:
    """The attributes of a toxic type, in their order."""
    return [attribute.name for attribute in fields(TOXICS[type])]
