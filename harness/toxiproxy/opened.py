"""The Toxiproxy that was chosen, ready to be asked, and in words for the record of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.toxiproxy.binary import RealToxiproxy, built_from
from harness.toxiproxy.choice import INSTEAD, Binary, Choice, Embedded, Running
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import ToxiproxyError, Unreachable
from harness.toxiproxy.process import EmbeddedToxiproxy

VERSION_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class Opened:
    """A Toxiproxy that answers."""

    client: Toxiproxy
    words: str
    """Which one it is and of what version, as it says itself."""
    runs: Callable[[], bool] = lambda: True
    """Whether one that we started is still there; of another nobody knows without asking it."""


@contextmanager
def opened(choice: Choice) -> Iterator[Opened]:
    """The chosen Toxiproxy for the length of a block; one that we start ends with it.

    Raises `Unreachable` for one that does not start or answer, with the mend.
    """
    match choice:
        case Embedded():
            with EmbeddedToxiproxy() as child:
                yield replace(_answering(child.host, child.port, "embedded {}"), runs=child.runs)
        case Binary(path):
            with RealToxiproxy(path) as real:
                yield replace(_real(real, path), runs=real.runs)
        case Running():
            yield _running(choice)


def _answering(host: str, port: int, words: str) -> Opened:
    client = Toxiproxy(host, port)
    return Opened(client, words.format(client.version()[:VERSION_CHARS_MAX]))


def _real(child: RealToxiproxy, path: Path) -> Opened:
    found = _answering(child.host, child.port, f"real {{}} ({path.name})")
    release = built_from(path)
    if release is None or release in found.words:
        return found
    return replace(found, words=f"real {release} ({path.name})")


def _running(address: Running) -> Opened:
    try:
        return _answering(address.host, address.port, f"{{}} at {address}")
    except ToxiproxyError as error:
        raise Unreachable(
            f"no Toxiproxy answers at {address} ({error}); start one there, or {INSTEAD}"
        ) from None
