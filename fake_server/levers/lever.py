"""What a lever is, what it acts on, and one pull of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fake_server.effects import Effect
from fake_server.levers.parameters import DURATION, Parameter
from fake_server.node import Node
from fake_server.switches.where import Choice, Where

Undo = Callable[[], None]
"""Takes a lever back."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What levers act on: the core, and what only the shell around it can do."""

    node: Node
    perform: Callable[[Sequence[Effect]], None]
    freeze: Callable[[list[int]], None]
    jump: Callable[[float], None]
    halt: Callable[[], Awaitable[None]]
    resume: Callable[[], Awaitable[None]]
    terminate: Callable[[int, float, float], Awaitable[None]]
    drain: Callable[[list[int], int, float, int], Awaitable[None]]
    update_tenant: Callable[[Mapping[str, Any]], None]
    draw_seed: Callable[[], int]
    now_s: Callable[[], float]


@dataclass(slots=True)
class Pull:
    """One pull of a lever."""

    values: Mapping[str, Any]
    where: Where
    choice: Choice
    work: list[Callable[[], Awaitable[None]]]
    """What takes time, to be begun one after the other."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


Pulling = Callable[[Ground, Pull], Undo | None]
"""Pulls a lever; what it gives takes the lever back."""

FOR_S = Parameter("for_s", DURATION, None, "healed by itself after so many seconds")


@dataclass(frozen=True, slots=True)
class Spec:
    """A lever that can be pulled."""

    meaning: str
    act: Pulling
    own: tuple[Parameter, ...] = ()
    shared: tuple[Parameter, ...] = ()
    lasts: bool = False
    """It stays pulled until it is healed; otherwise it happens once."""
    passes: bool = False
    """It lasts, and ends by itself when its work is done."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (*self.own, *self.shared, *((FOR_S,) if self.lasts else ()))
