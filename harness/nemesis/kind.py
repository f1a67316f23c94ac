"""A kind of fault: its name, what it means, its parameters, how it strikes and where it can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, get_args

from harness.checkers import SIGNS, SPOILS
from harness.nemesis.levers import Levers
from harness.nemesis.parameters import Parameter
from harness.nemesis.victims import VICTIMS, Victims

Category = Literal["network", "server", "clock", "process", "code", "token", "api"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""In the order in which faults are listed."""


@dataclass(slots=True, eq=False)
class Strike:
    """One fault as it strikes: what it may pull, whom it hits, and what will heal it."""

    levers: Levers
    victims: Victims
    values: Mapping[str, Any]
    """Every parameter with its value, defaults included."""
    healing: AsyncExitStack
    """What is entered here is left again when the fault is healed, the last first, however the run
    ends. A fault that does not last is healed as soon as it has struck."""
    rng: Random
    """For what it draws by lot; fixed by the run's seed, the fault's name and its moment."""
    for_s: float | None = None
    """How long it will last, for what cannot be ended but only timed."""
    count: Callable[[], int] = lambda: 0
    """How many frames, requests or connections it has struck so far, where that can be told."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    async def hold(self, lever: AbstractAsyncContextManager[object]) -> None:
        """Pull a lever until the fault is healed."""
        await self.healing.enter_async_context(lever)


Act = Callable[[Strike], Awaitable[None]]
"""Makes the fault happen; it has when this returns. Raises `CannotExpress`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One named fault, as `docs/faults.md` lists it.

    Raises `ValueError` for a category or sign that does not exist.
    """

    name: str
    """As in `Fault(name, …)`; the name of `failures.md` §0.3 where it has one."""
    meaning: str
    category: Category
    act: Act
    lasts: bool
    """Healed after `for_s` seconds; otherwise it happens once, and what it broke stays broken."""
    parameters: tuple[Parameter, ...] = ()
    felt_by: tuple[str, ...]
    """The signs in the history, of `SIGNS`, any of which shows that it was felt."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """The worlds in which it makes no sense, each with the reason."""
    spoils: tuple[str, ...] = ()
    """What no client can keep while it lasts, of `SPOILS`."""
    alone: bool = True
    """Two of this name must not overlap in time."""
    rule: Callable[[Mapping[str, Any]], str | None] = lambda values: None
    """What is wrong with values that are right one by one, in words; None if nothing is."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """Parameters with which it strikes, where the defaults would do nothing."""

    @property
    def can_choose(self) -> bool:
        """Whether it can be kept to some of the clients."""
        return VICTIMS[0] in self.parameters

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"fault {self.name!r}: no category {self.category!r}: {CATEGORIES}")
        for what in self.spoils:
            if what not in SPOILS:
                raise ValueError(f"fault {self.name!r}: spoils {what!r}: {', '.join(SPOILS)}")
        for sign in self.felt_by:
            if sign not in SIGNS:
                raise ValueError(f"fault {self.name!r}: no sign {sign!r}: {', '.join(SIGNS)}")
        if not self.felt_by:
            raise ValueError(f"fault {self.name!r}: say by which sign it is felt: felt_by=…")
