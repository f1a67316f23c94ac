"""What a run is given by its world: a clock, levers, and URLs to open clients with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

from harness.clients.contract import Client, Maker, OwnProcess
from harness.entropy import substream
from harness.nemesis import Levers, Server

T = TypeVar("T")

OnTruth = Callable[[str, Mapping[str, Any]], None]
"""Called with `f` and `value` of an op of process `server`, the moment it is true."""

ServerMaker = Callable[[OnTruth, Callable[[], float], Random], Server]
"""Makes the server of one run: from where its truth goes, its wall clock and its randomness.

The library imports no server; whoever composes a suite hands one in (`scenarios/conftest.py`).
"""


Cohorts = Sequence[tuple[str, ...]]
"""Clients by name, in groups that every fault of a story treats alike."""


class WorldFailed(RuntimeError):
    """The world itself broke (a busy port, an unreachable Toxiproxy): says which and the mend."""


Housing = Callable[[str, Maker, Callable[[], Random]], Client]
"""Puts the client of a name into the world: its maker, and what draws its generator, at each start
the same. What it returns can be struck as a process if it is an `OwnProcess`."""


def in_our_process(name: str, maker: Maker, draw: Callable[[], Random]) -> Client:
    """Where time is real a client shares our process, unless it is a program."""
    return maker(draw())


@dataclass(frozen=True, slots=True)
class Env:
    """One run's surroundings. Every time is in seconds since the run began."""

    levers: Levers
    url: Callable[[str], str]
    """The URL, with an API key of its own, that a client process is opened with."""
    now_s: Callable[[], float]
    seed: int
    program_url: Callable[[str], str] | None = None
    """The same for a client that is a program of its own, where `url` holds a name that only the
    world's loop resolves; None where it does not."""
    housing: Housing = in_our_process

    def client(self, name: str, maker: Maker) -> Client:
        """Make the client of that name, where this world has its clients live."""
        return self.housing(name, maker, lambda: self.rng(f"client/{name}"))

    def url_for(self, client: object, name: str) -> str:
        """The URL that a client, as a Python object, is opened with under a name."""
        if self.program_url and isinstance(client, OwnProcess):
            return self.program_url(name)
        return self.url(name)

    def rng(self, name: str) -> Random:
        """A generator of its own for `name`."""
        return substream(self.seed, name)


Story = Callable[[Env], Coroutine[Any, Any, T]]
"""What happens in a run: the same body in every world."""


class Narrator(Protocol):
    """Takes down what the world itself sees: `process`, `f` and `value` of an `info` op."""

    def __call__(self, process: str, f: str, value: Mapping[str, Any]) -> None: ...


class World(Protocol):
    """A place to run stories in."""

    @property
    def name(self) -> str:
        """As in `--world`."""

    @property
    def story_s_max(self) -> float:
        """The longest story that fits here, in seconds; a longer one is *not applicable*."""

    def versions(self) -> Mapping[str, str]:
        """What the world brings into a run besides our own code, by name; for its record."""

    def play(self, story: Story[T], seed: int, narrate: Narrator, cohorts: Cohorts = ()) -> T:
        """Run a story from a world in good state, block until it ends, leave nothing behind.

        Each of `cohorts` gets a way to the server of its own, for the network's levers to choose;
        clients of none share another. Raises whatever the story raises, and `WorldFailed`.
        """

    def close(self) -> None:
        """End what the world holds: loops, child processes."""
