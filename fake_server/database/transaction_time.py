"""When the present transaction began: what `now` and `today` mean in the text of a date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_began_s: ContextVar[float] = ContextVar("transaction_began_s", default=0.0)


def began_s() -> float:
    """Seconds since the epoch, as whoever began the transaction gave them; 0 before the first."""
    return _began_s.get()


def begin(now_s: float) -> None:
    """What is read from here on belongs to a transaction of this moment."""
    _began_s.set(now_s)


@contextmanager
def beginning(now_s: float) -> Iterator[None]:
    """The same for what is within; around it, all is as it was."""
    token = _began_s.set(now_s)
    try:
        yield
    finally:
        _began_s.reset(token)
