"""The simulated network: names, ports, connections, and the verbs that break them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TypeVar, get_args

from harness.entropy import substream
from harness.sim.connection import Connection, Stream
from harness.sim.kernel import Kernel
from harness.sim.server import SimServer
from harness.sim.sock import Address
from harness.sim.trace import Trace
from harness.sim.way import Link, Way
from harness.toxics import Toxic

P = TypeVar("P", bound=asyncio.Protocol)

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]

SYN_RETRIES_MAX = 6
"""Linux' tcp_syn_retries: a connect that nobody answers fails after 127 s."""

EPHEMERAL_PORT_MIN = 32768
LISTENING_PORT_MIN = 20000


Hosts = tuple[str, ...] | None
"""The names of the server that a fault is for; None: all, those included that nobody used yet."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A toxic and which connections it is for."""

    toxic: Toxic
    stream: Stream
    toxicity: float
    hosts: Hosts


@dataclass(slots=True)
class _Road:
    """The way to the server under one of its names, and what is wrong with it."""

    up: Way
    down: Way
    refuses: bool = False
    swallows_syn: bool = False
    dns_fails: bool = False

    def again(self) -> _Road:
        """Another name, in the same condition."""
        return replace(self, up=replace(self.up), down=replace(self.down))


class SimNetwork:
    """One server's network, as all its clients see it; every name resolves, to the same machine.

    Each verb may be used at any virtual time, from inside the program or between two runs of the
    loop. A fault holds for live and new connections unless its verb says otherwise. With `hosts`
    it is for those only who dialled the server by one of these names.
    """

    def __init__(self, kernel: Kernel, trace: Trace, seed: int) -> None:
        self._kernel = kernel
        self._trace = trace
        self._seed = seed
        rng = substream(seed, "sim/network")
        self._roads: dict[str | None, _Road] = {None: _Road(Way(rng), Way(rng))}
        self._listening: dict[int, SimServer] = {}
        # By number, in the order of their making.
        self._live: dict[int, Connection] = {}
        self._made = 0
        self._toxics: dict[str, _Placed] = {}
        self.tcp_user_timeout_s = 120.0
        """How long data may go unacknowledged before its sender gives up with ETIMEDOUT."""
        self.on_dial: Callable[[str], None] | None = None
        """Told of each connect as it meets its fate: `accepted` or `refused` by the server, or
        `lost` (no answer to its first packet, or no address for its name)."""

    # Conditions.

    @property
    def up(self) -> Link:
        """Conditions from the clients to the server; assign a new `Link` to change them."""
        return self._roads[None].up.link

    @up.setter
    def up(self, link: Link) -> None:
        for road in self._roads.values():
            road.up.link = link

    @property
    def down(self) -> Link:
        """Conditions from the server to the clients; assign a new `Link` to change them."""
        return self._roads[None].down.link

    @down.setter
    def down(self, link: Link) -> None:
        for road in self._roads.values():
            road.down.link = link

    # Faults.

    def cut(self, up: bool = True, down: bool = True, hosts: Hosts = None) -> None:
        """Packets vanish in the directions named; connects get no answer, whichever it is.

        Who has unacknowledged data for `tcp_user_timeout_s` gives up with ETIMEDOUT.
        """
        for road in self._roads_to(hosts):
            road.up.cut = road.up.cut or up
            road.down.cut = road.down.cut or down

    def heal(self, hosts: Hosts = None) -> None:
        """End every cut. A connection that lost something is reset; the others live on."""
        for road in self._roads_to(hosts):
            road.up.cut = road.down.cut = False
        for connection in self._connections_to(hosts):
            connection.heal()

    def half_open(self, hosts: Hosts = None) -> None:
        """Connections alive now carry nothing any more, for good; new ones work.

        Neither end is told; one that writes gives up after `tcp_user_timeout_s`.
        """
        for connection in self._connections_to(hosts):
            connection.silence()

    def reset_all(self, hosts: Hosts = None) -> None:
        """An RST reaches both ends of every live connection that is not half-open."""
        for connection in self._connections_to(hosts):
            connection.reset()

    def finish_all(self, hosts: Hosts = None) -> None:
        """A FIN reaches both ends of every live connection that is not half-open."""
        for connection in self._connections_to(hosts):
            connection.finish()

    def refuse(self, on: bool, hosts: Hosts = None) -> None:
        """New connects are refused; live connections go on."""
        for road in self._roads_to(hosts):
            road.refuses = on

    def swallow_syn(self, on: bool, hosts: Hosts = None) -> None:
        """New connects get no answer; live connections go on."""
        for road in self._roads_to(hosts):
            road.swallows_syn = on

    def dns_fails(self, on: bool, hosts: Hosts = None) -> None:
        """Names do not resolve; live connections go on."""
        for road in self._roads_to(hosts):
            road.dns_fails = on

    def add_toxic(
        self,
        name: str,
        toxic: Toxic,
        stream: Stream = "downstream",
        toxicity: float = 1.0,
        hosts: Hosts = None,
    ) -> None:
        """Put a toxic on live and new connections; `toxicity` is the share of them that it hits.

        Raises `ValueError` for a name that is taken, an unknown stream or a toxicity out of range.
        """
        if name in self._toxics:
            raise ValueError(f"there is a toxic named {name!r} already; remove it first")
        if stream not in get_args(Stream):
            raise ValueError(f"stream is {stream!r}; say upstream or downstream")
        if not 0 <= toxicity <= 1:
            raise ValueError(f"toxicity is {toxicity!r}; say a number from 0 to 1")
        placed = self._toxics[name] = _Placed(toxic, stream, toxicity, hosts)
        for connection in self._connections_to(hosts):
            self._poison(connection, name, placed)

    def remove_toxic(self, name: str) -> None:
        """Take a toxic out; what it holds goes on. Raises `ValueError` for an unknown name."""
        placed = self._toxics.pop(name, None)
        if placed is None:
            names = ", ".join(self._toxics) or "none"
            raise ValueError(f"there is no toxic named {name!r}; there are: {names}")
        for connection in self._connections_to(placed.hosts):
            connection.pipe(placed.stream).remove_toxic(name)

    # For the loop.

    async def resolve(self, host: str | None) -> str:
        """A name stands for itself, as its own address. Raises `socket.gaierror`."""
        if self._road(host).dns_fails:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return host or "127.0.0.1"

    async def getaddrinfo(self, host: str | None, port: int | None) -> list[AddressInfo]:
        """What `socket.getaddrinfo` would say. Raises `socket.gaierror`."""
        address = (await self.resolve(host), port or 0)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    def listen(
        self, factory: Callable[[], asyncio.Protocol], host: str | None, port: int
    ) -> SimServer:
        """Make a server; port 0 chooses a free one. Raises `OSError` (EADDRINUSE)."""
        port = port or next(
            free for free in range(LISTENING_PORT_MIN, 65536) if free not in self._listening
        )
        if port in self._listening:
            raise OSError(errno.EADDRINUSE, f"port {port} is in use: listen on another, or on 0")
        address = (host or "0.0.0.0", port)
        server = SimServer(self._kernel, factory, address, copy_context(), self._unlisten)
        self._listening[port] = server
        return server

    async def connect(
        self, factory: Callable[[], P], host: str | None, port: int
    ) -> tuple[asyncio.Transport, P]:
        """Dial. Raises `OSError`: a name without address, refused, or no answer for 127 s."""
        try:
            name = await self.resolve(host)
        except OSError:
            self._tell("lost")
            raise
        road = self._road(name)
        await self._send_syn(road)
        await self._kernel.kernel_sleep(road.up.delay_s())
        server = self._listening.get(port)
        accepted = server is not None and server.is_serving() and not road.refuses
        self._tell("accepted" if accepted else "refused")
        await self._kernel.kernel_sleep(road.down.delay_s())
        if server is None or not accepted:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed ({name!r}, {port})"
            )
        connection = self._make_connection(server, name)
        protocol = factory()
        connection.client.attach(protocol)
        return connection.client, protocol

    # Inside.

    def _road(self, host: str | None) -> _Road:
        """The way to this name; a new name is in the condition that all are in."""
        if host not in self._roads:
            self._roads[host] = self._roads[None].again()
        return self._roads[host]

    def _roads_to(self, hosts: Hosts) -> list[_Road]:
        return list(self._roads.values()) if hosts is None else [self._road(one) for one in hosts]

    def _connections_to(self, hosts: Hosts) -> list[Connection]:
        return [one for one in self._live.values() if hosts is None or one.host in hosts]

    async def _send_syn(self, road: _Road) -> None:
        """Return once a SYN passes and can be answered; it is sent again after 1, 2, 4 s, …"""
        told = False
        for retry in range(SYN_RETRIES_MAX + 1):
            if not (road.up.cut or road.down.cut or road.swallows_syn):
                return
            if not told:
                self._tell("lost")
                told = True
            await self._kernel.kernel_sleep(2.0**retry)
        raise TimeoutError(errno.ETIMEDOUT, "Connect call failed: connection timed out")

    def _make_connection(self, server: SimServer, host: str) -> Connection:
        number = self._made = self._made + 1
        ports = 65536 - EPHEMERAL_PORT_MIN
        road = self._road(host)
        connection = self._live[number] = Connection(
            self._kernel,
            self._trace,
            number,
            (road.up, road.down),
            lambda: self.tcp_user_timeout_s,
            ("127.0.0.1", EPHEMERAL_PORT_MIN + number % ports),
            server,
            lambda gone: self._live.__delitem__(gone.number),
        )
        connection.host = host
        for name, placed in self._toxics.items():
            if placed.hosts is None or host in placed.hosts:
                self._poison(connection, name, placed)
        return connection

    def _poison(self, connection: Connection, name: str, placed: _Placed) -> None:
        """Put a toxic on one connection; whether it hits is drawn for this one alone."""
        stream = f"{connection.number}/{placed.stream}"
        hit = placed.toxicity == 1 or (
            substream(self._seed, f"sim/toxicity/{name}/{stream}").random() < placed.toxicity
        )
        connection.pipe(placed.stream).add_toxic(
            name, placed.toxic, hit, lambda: substream(self._seed, f"sim/toxics/{stream}")
        )

    def _unlisten(self, server: SimServer) -> None:
        del self._listening[server.address[1]]

    def _tell(self, outcome: str) -> None:
        if self.on_dial is not None:
            self.on_dial(outcome)
