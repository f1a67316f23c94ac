"""The names by which clients reach a server in real time, and what fails before a socket is open.

Each way has a name that only the loop of the world knows. So a name can be made not to resolve, and
a connect not to be answered, without root and without a word to the machine's own resolver
(`docs/decisions/0009-names-and-connects-in-real-time.md`).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from harness.nemesis import CannotExpress, Server, Victims
from harness.sim.network import SYN_RETRIES_MAX
from harness.worlds.ways import Ways
from harness.worlds.world import Narrator

SUFFIX = ".localhost"
"""Reserved for this machine (RFC 6761): no resolver asks the world about it, and a proxy from the
environment is left aside for it where it is for `localhost`."""

SYN_AGAIN_S = 1.0
"""When Linux sends a SYN again that was not answered, for the first time."""


@dataclass(slots=True, eq=False)
class Road:
    """One way as the loop knows it."""

    host: str
    """What its name stands for."""
    tell: Callable[[str], None]
    """Called with what becomes of each connect: `accepted`, `refused` or `lost`."""
    dns_fails: bool = False
    swallows_syn: bool = False

    def check_name(self) -> None:
        """Raises `socket.gaierror` while the name does not resolve."""
        if self.dns_fails:
            self.tell("lost")
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def send_syn(self) -> None:
        """Return once a SYN may pass; a lost one is sent again after 1, 2, 4 s, … as by Linux.

        Raises `TimeoutError` (ETIMEDOUT) after 127 s.
        """
        if self.swallows_syn:
            self.tell("lost")
        for retry in range(SYN_RETRIES_MAX + 1):
            if not self.swallows_syn:
                return
            await asyncio.sleep(SYN_AGAIN_S * 2**retry)
        raise TimeoutError(errno.ETIMEDOUT, "Connect call failed: connection timed out")


class RoadLoop(asyncio.SelectorEventLoop):
    """Resolves the names of roads, and asks them before it connects; all else as asyncio does."""

    def __init__(self) -> None:
        super().__init__()
        self._by_name: dict[str, Road] = {}
        self._by_address: dict[Any, Road] = {}

    @contextmanager
    def knows(self, roads: Mapping[str, Road]) -> Iterator[None]:
        """These names resolve here, for as long as the block lasts."""
        self._by_name.update(roads)
        try:
            yield
        finally:
            gone = list(roads.values())
            self._by_name = {k: road for k, road in self._by_name.items() if road not in gone}
            self._by_address = {k: road for k, road in self._by_address.items() if road not in gone}

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """The addresses of a name. Raises `socket.gaierror`."""
        road = self._by_name.get(host)
        if road is None:
            return await super().getaddrinfo(host, port, **options)
        road.check_name()
        found = await super().getaddrinfo(road.host, port, **options)
        self._by_address.update((one[4], road) for one in found)
        return found

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect, when the road lets it. Raises `OSError`."""
        road = self._by_address.get(address)
        if road is None:
            return await super().sock_connect(sock, address)
        await road.send_syn()
        unanswered = self.call_later(SYN_AGAIN_S, road.tell, "lost")
        try:
            await super().sock_connect(sock, address)
        except ConnectionRefusedError:
            road.tell("refused")
            raise
        finally:
            unanswered.cancel()
        road.tell("accepted")


class Roads:
    """The roads of one story: a URL for each client, and the faults of names and connects."""

    def __init__(
        self, ways: Ways, server: Server, hosts: Mapping[str, tuple[str, int]], narrate: Narrator
    ) -> None:
        """`hosts`: the host and port that each way leads to."""

        def tell(outcome: str) -> None:
            narrate("network", "dial", {"outcome": outcome})

        self._ways = ways
        self._server = server
        self._hosts = hosts
        self._roads = {name: Road(host, tell) for name, (host, _) in hosts.items()}
        self._outside: dict[str, str] = {}

    def known(self) -> AbstractContextManager[None]:
        """A block in which the running loop, which must be a `RoadLoop`, knows the names."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RoadLoop), "a world in real time runs on its own loop"
        return loop.knows({name + SUFFIX: road for name, road in self._roads.items()})

    def url(self, client: str) -> str:
        """The URL of a client whose connects are made by the running loop."""
        way = self._ways.name(client)
        return _url(way + SUFFIX, self._hosts[way][1], self._server.key(client))

    def program_url(self, client: str) -> str:
        """The URL of a client that is a program of its own: an address, since it resolves alone."""
        way = self._ways.name(client)
        self._outside[way] = client
        host, port = self._hosts[way]
        return _url(host, port, self._server.key(client))

    @asynccontextmanager
    async def dns_failure(self, victims: Victims) -> AsyncIterator[None]:
        """Their names do not resolve."""
        roads = self._of(victims)
        for road in roads:
            road.dns_fails = True
        try:
            yield
        finally:
            for road in roads:
                road.dns_fails = False

    @asynccontextmanager
    async def stall_connects(self, victims: Victims) -> AsyncIterator[None]:
        """Their connects wait. After the heal each gets through when its SYN is next sent again."""
        roads = self._of(victims)
        for road in roads:
            road.swallows_syn = True
        try:
            yield
        finally:
            for road in roads:
                road.swallows_syn = False

    def _of(self, victims: Victims) -> list[Road]:
        named = self._ways.names(victims)
        names = self._ways.all() if named is None else named
        for client in (self._outside[name] for name in names if name in self._outside):
            raise CannotExpress(
                f"{client} is a program of its own: it resolves names and connects by itself"
            )
        return [self._roads[name] for name in names]


def _url(host: str, port: int, key: str) -> str:
    return f"ws://{host}:{port}/realtime/v1?apikey={key}"
