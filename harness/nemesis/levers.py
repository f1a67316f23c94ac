"""What the nemesis can pull in one run: the network's levers, the server's, the application's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from harness.nemesis.victims import Victims

Stream = Literal["upstream", "downstream"]
"""Toxiproxy's words: upstream is from the clients to the server."""

Held = AbstractAsyncContextManager[object]
"""A lever that is pulled as the block begins and taken back as it ends, however that comes."""


class CannotExpress(Exception):
    """This world has no means to make that fault; the storm is *not applicable* there."""


class Network(Protocol):
    """What can go wrong between the clients and the server, for all of them or for `victims`.

    Each lever may raise `CannotExpress` in a world that lacks the means.
    """

    def toxic(
        self, victims: Victims, stream: Stream, type: str, attributes: Mapping[str, int]
    ) -> Held:
        """A toxic of `harness.toxics`, on live and new connections."""

    def hole(self, victims: Victims, *, up: bool, down: bool) -> Held:
        """Nothing passes in the directions named; nobody is told."""

    def lose(self, victims: Victims, share: float) -> Held:
        """Each packet vanishes with the probability `share`, and TCP sends it again."""

    def refuse(self, victims: Victims) -> Held:
        """Live connections end and new ones are refused."""

    def dns_failure(self, victims: Victims) -> Held:
        """The server's name does not resolve; live connections go on."""

    def stall_connects(self, victims: Victims) -> Held:
        """New TCP connects get no answer; live connections go on."""

    async def rst(self, victims: Victims) -> None:
        """Every live connection is reset once; new ones work."""

    async def fin(self, victims: Victims) -> None:
        """Every live connection ends once with a FIN and no close frame; new ones work."""

    async def dead_flow(self, victims: Victims) -> None:
        """Live connections are silent for good and nobody is told; new ones work."""


class Lever(Protocol):
    """A lever of the server that was pulled."""

    @property
    def hits(self) -> int:
        """How many frames, requests, connections or channels it has struck so far."""

    def heal(self) -> None:
        """Take it back; does nothing when it happened once or is healed already."""

    async def settled(self) -> None:
        """Wait for what takes time: the batches of a drain, the end or return of the server."""


class Server(Protocol):
    """The server of a run: how to reach it, how to break it, and what it knows to be true."""

    @property
    def host(self) -> str:
        """Where it listens."""

    @property
    def port(self) -> int:
        """The port, kept over a restart."""

    def key(self, sub: str) -> str:
        """An API key that names its holder, so that the ground truth can."""

    def token(self, sub: str, token_id: str, lifetime_s: float = 3600) -> str:
        """An access token that the server can tell from every other by `token_id`."""

    async def start(self, host: str, port: int) -> None:
        """Listen, at first or again."""

    async def stop(self) -> None:
        """Vanish: no listener, connections gone without a close frame, joins forgotten."""

    def pull(self, name: str, /, **parameters: Any) -> Lever:
        """Pull one of its levers by name. Raises a `ValueError` that says what is wrong."""

    def publish(self, topic: str, event: str, payload: dict[str, Any]) -> int:
        """Broadcast as a REST call would; returns how many channels it went to."""

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Commit a row to a table of schema `public`, as the owner of the database would.

        Raises an exception that says why for a table that is not there or does not take the row.
        """

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what: conn, client, topic, join_ref."""


@dataclass(frozen=True, slots=True)
class Moment:
    """So many seconds after something, and then so many turns of the event loop."""

    after_s: float = 0.0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of the application in a race."""

    f: str
    """`open`, `close`, or an op of the client contract: `subscribe`, `leave`, `broadcast`,
    `set_token`."""
    topic: str | None = None
    """None: the first topic of the workload."""
    begins: Moment = Moment()
    """Since the call before it began."""
    waits: bool = False
    """Whether it waits for the end of the call before it first, within bounds."""
    cancelled: Moment | None = None
    """When it is cancelled, since it was made; None: it may end."""


class Application(Protocol):
    """The application that holds the clients under test: the code that they call back, what it
    calls, and the tokens that it gives them.

    Each lever is for all clients or for `victims`, and may raise `CannotExpress`.
    """

    def raising_callbacks(
        self, victims: Victims, event: str, count: int | None, struck: Callable[[], None]
    ) -> Held:
        """Callbacks of an event raise, no more than `count` of each client; `struck` is told."""

    def reentering_callbacks(
        self,
        victims: Victims,
        event: str,
        count: int,
        calls: Sequence[ApiCall],
        struck: Callable[[], None],
    ) -> Held:
        """Callbacks of an event make the calls at once, no more than `count` of each client;
        `struck` is told. Afterwards the application wants what it wanted before."""

    def race(self, victims: Victims, calls: Sequence[ApiCall]) -> None:
        """Make the calls, and wait for none of them. Afterwards the application wants what it
        wanted before."""

    def set_token(self, victims: Victims, lifetime_s: float) -> None:
        """Give each client a new access token that lives so long."""

    def suspended(self, victims: Victims) -> Held:
        """The clients' processes stand still, with their sockets open."""

    def killed(self, victims: Victims) -> Held:
        """The clients' processes are killed; then the application starts them again, and
        subscribes to what it wants."""

    async def block(self, victims: Victims, seconds: float) -> None:
        """The clients' event loops stand still for so long, from about now on."""

    async def clock_jump(self, victims: Victims, by_s: float) -> None:
        """The clocks of the clients' event loops show so much more from now on."""

    def clock_drift(self, victims: Victims, factor: float) -> Held:
        """The clocks of the clients' event loops run so many times as fast."""

    async def wall_clock_jump(self, victims: Victims, by_s: float) -> None:
        """The wall clocks of the clients' processes show so much more from now on."""

    def slow_callbacks(self, victims: Victims, seconds: float) -> Held:
        """Each callback of a message holds its client up for so long."""


@dataclass(frozen=True, slots=True)
class Levers:
    """What the nemesis can pull in one run."""

    network: Network
    server: Server
    application: Application | None = None
    """None where nobody holds clients: a world that is tried without a story."""
