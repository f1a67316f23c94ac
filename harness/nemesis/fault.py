"""A fault as data: a name, when it starts, how long it lasts, and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.numeric import is_number

STORY_S_MAX = 40 * 3600.0
"""No story lasts longer, in any world; a fault that does would never end in one."""
_TO_THE_END = f"and at most {STORY_S_MAX:,.0f}, the longest story"


class BadFault(ValueError):
    """A fault that does not exist, or with a time or parameter that it cannot have."""


@dataclass(frozen=True, slots=True, init=False)
class Fault:
    """One thing that goes wrong: `Fault("outage", after_s=5, for_s=20)`.

    `after_s` counts from the moment the clients are in their steady state. A fault with `for_s`
    is healed that many seconds later; one without happens once, and what it broke stays broken.
    Everything else is a parameter of the named fault. Raises `BadFault`.
    """

    name: str
    after_s: float
    for_s: float | None
    parameters: Mapping[str, Any]

    def __init__(
        self, name: str, *, after_s: float, for_s: float | None = None, **parameters: Any
    ) -> None:
        if not isinstance(name, str):
            raise BadFault(f"a fault is named by a text, as 'rst', not by {name!r}")
        if not (is_number(after_s) and 0 <= after_s <= STORY_S_MAX):
            raise BadFault(
                f"fault {name!r}: after_s={after_s!r} is no moment; say 0 or more {_TO_THE_END}"
            )
        if for_s is not None and not (is_number(for_s) and 0 < for_s <= STORY_S_MAX):
            raise BadFault(
                f"fault {name!r}: for_s={for_s!r} is no duration; say more than 0 {_TO_THE_END}"
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "after_s", after_s)
        object.__setattr__(self, "for_s", for_s)
        object.__setattr__(self, "parameters", parameters)

    def moved(self, after_s: float, *, for_s: float | None = None) -> Fault:
        """The same fault at another moment, and for another time if one is said."""
        lasts_s = self.for_s if for_s is None else for_s
        return Fault(self.name, after_s=after_s, for_s=lasts_s, **self.parameters)

    @property
    def ends_s(self) -> float:
        """When the nemesis acts for the last time on account of this fault."""
        return self.after_s + (self.for_s or 0.0)

    def __repr__(self) -> str:
        lasts = "" if self.for_s is None else f", for_s={self.for_s:g}"
        more = "".join(f", {key}={value!r}" for key, value in self.parameters.items())
        return f"Fault({self.name!r}, after_s={self.after_s:g}{lasts}{more})"
