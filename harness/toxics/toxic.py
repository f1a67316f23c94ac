"""What a toxic is: frozen attributes that start a stage, and the stage that works on one stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum
from typing import ClassVar

from harness.toxics.draws import Draws

CHUNK_BYTES_MAX = 32 * 1024
"""Toxiproxy reads at most this much at once; that read is the chunk every toxic sees
(`toxiproxy.md` §2.1)."""

ATTRIBUTE_MAX = 2**63 - 1


class Signal(Enum):
    """What can travel through a chain behind the data."""

    END = "end"  # end of input of this stream: the sender has finished
    CLOSE = "close"  # close both sides with FIN
    RESET = "reset"  # reset both sides with RST


Item = bytes | Signal
Timed = tuple[float, Item]
"""When an item leaves a stage, in seconds of the driver's clock, and the item."""


class BadToxic(ValueError):
    """A toxic that cannot be made: the text names the attribute, its value and the rule."""


@dataclass(frozen=True, slots=True)
class Toxic(ABC):
    """One kind of disturbance; its fields are Toxiproxy's attributes, units and defaults.

    Every attribute is a whole number from 0 to 2**63-1. Raises `BadToxic`.
    """

    type: ClassVar[str]
    holds_bytes_max: ClassVar[int] = CHUNK_BYTES_MAX
    """What may wait in front of this toxic before the sender is pushed back."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or not 0 <= value <= ATTRIBUTE_MAX:
                raise BadToxic(
                    f"toxic {self.type!r}: {field.name} is {value!r}; "
                    f"say a whole number from 0 to {ATTRIBUTE_MAX}"
                )

    @abstractmethod
    def start(self, draws: Draws, now_s: float) -> Stage:
        """Begin to work on one stream. The stage takes its draws from `draws` alone."""


class Stage(ABC):
    """A toxic at work on one stream. It turns to one item at a time; the chain keeps the rest.

    A stage knows no clock: it is told `now_s`, and says when things leave.
    """

    restamps: ClassVar[bool] = False
    """Whether what leaves counts as newly received (only latency does: `toxiproxy.md` §2.3)."""

    @abstractmethod
    def feed(self, item: Item, received_s: float, now_s: float) -> Iterator[Timed]:
        """Turn to `item` at `now_s`; it entered the proxy at `received_s`. Times never decrease.

        An empty piece (`b""`) passes nothing on: the stage is busy until then.
        """

    def lets_by(self, data: bytes) -> bool:
        """Whether `data` would leave at once, whole, and change nothing but `let_by`'s count.

        A stage that says no is fed.
        """
        return False

    def let_by(self, data: bytes) -> None:  # noqa: B027 (few stages count)
        """`data` has passed without being fed: count it."""

    def deadline(self) -> float | None:
        """When `expire` must be called, if nothing is fed before."""
        return None

    def expire(self) -> Iterator[Item]:
        """The deadline has come: what leaves then."""
        return iter(())

    def removed(self) -> Iterator[Item]:
        """The toxic is taken out of a live connection: what follows the data that it held."""
        return iter(())

    @abstractmethod
    def update(self, toxic: Toxic, now_s: float) -> None:
        """Go on under new attributes; counts are kept (`toxiproxy.md` §2.9)."""
