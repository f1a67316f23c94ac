"""The simulated world: virtual time and a simulated network under the event loop."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from harness.clients.contract import Client, Maker
from harness.clients.simulated import Simulated
from harness.entropy import substream
from harness.nemesis import STORY_S_MAX, CannotExpress, Held, Levers, Stream, Victims
from harness.sim import SimLoop, SimNetwork, run
from harness.toxics import make_toxic
from harness.worlds.ways import Ways
from harness.worlds.world import Cohorts, Env, Narrator, ServerMaker, Story

T = TypeVar("T")

HOST, PORT = "server", 4000

RUN_LIMIT_S = STORY_S_MAX + 3600.0
"""With its connects and heals no run lasts longer; one that would is an endless loop."""


class SimWorld:
    """Runs each story on a fresh loop, network and server, all driven by its seed."""

    name = "sim"
    story_s_max = math.inf

    def __init__(self, make_server: ServerMaker) -> None:
        self._make_server = make_server

    def versions(self) -> Mapping[str, str]:
        """Nothing but our own code."""
        return {}

    def play(self, story: Story[T], seed: int, narrate: Narrator, cohorts: Cohorts = ()) -> T:
        """Run a story in virtual time. Raises `SimDeadlock` for one that hangs."""

        async def main(loop: SimLoop) -> T:
            return await self._main(loop, story, seed, narrate, Ways(HOST, cohorts))

        return run(main, seed=seed, limit_s=RUN_LIMIT_S)

    def close(self) -> None:
        """Nothing outlives a story."""

    async def _main(
        self, loop: SimLoop, story: Story[T], seed: int, narrate: Narrator, ways: Ways
    ) -> T:
        began_s = loop.now_s
        server = self._make_server(
            lambda f, value: narrate("server", f, value), time.time, substream(seed, "server")
        )
        loop.net.on_dial = lambda outcome: narrate("network", "dial", {"outcome": outcome})
        await server.start(HOST, PORT)

        def url(name: str) -> str:
            return f"ws://{ways.name(name)}:{PORT}/realtime/v1?apikey={server.key(name)}"

        def housing(name: str, maker: Maker, draw: Callable[[], Random]) -> Client:
            return Simulated(maker, draw, loop, name)

        levers = Levers(SimulatedNetwork(loop.net, ways), server)
        try:
            return await story(
                Env(levers, url, lambda: loop.now_s - began_s, seed, housing=housing)
            )
        finally:
            await server.stop()


class SimulatedNetwork:
    """The network levers, by the verbs of the simulated network."""

    def __init__(self, net: SimNetwork, ways: Ways) -> None:
        self._net = net
        self._ways = ways
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def toxic(
        self, victims: Victims, stream: Stream, type: str, attributes: Mapping[str, int]
    ) -> AsyncIterator[None]:
        """The same toxics that the embedded Toxiproxy runs."""
        name = f"{type}-{next(self._numbers)}"
        toxic = make_toxic(type, attributes)
        self._net.add_toxic(name, toxic, stream, hosts=self._ways.names(victims))
        try:
            yield
        finally:
            self._net.remove_toxic(name)

    @asynccontextmanager
    async def hole(self, victims: Victims, *, up: bool, down: bool) -> AsyncIterator[None]:
        """Packets vanish."""
        hosts = self._ways.names(victims)
        self._net.cut(up, down, hosts)
        try:
            yield
        finally:
            self._net.heal(hosts)

    def lose(self, victims: Victims, share: float) -> Held:
        """The simulated network retransmits nothing, so what is lost would stay lost."""
        raise CannotExpress("the simulated network knows no retransmission")

    @asynccontextmanager
    async def refuse(self, victims: Victims) -> AsyncIterator[None]:
        """Live connections are reset, connects refused."""
        hosts = self._ways.names(victims)
        self._net.refuse(True, hosts)
        self._net.reset_all(hosts)
        try:
            yield
        finally:
            self._net.refuse(False, hosts)

    @asynccontextmanager
    async def dns_failure(self, victims: Victims) -> AsyncIterator[None]:
        """No address for the name."""
        hosts = self._ways.names(victims)
        self._net.dns_fails(True, hosts)
        try:
            yield
        finally:
            self._net.dns_fails(False, hosts)

    @asynccontextmanager
    async def stall_connects(self, victims: Victims) -> AsyncIterator[None]:
        """The first packet of a connect is lost, and every one sent again."""
        hosts = self._ways.names(victims)
        self._net.swallow_syn(True, hosts)
        try:
            yield
        finally:
            self._net.swallow_syn(False, hosts)

    async def rst(self, victims: Victims) -> None:
        """An RST to both ends of every connection."""
        self._net.reset_all(self._ways.names(victims))

    async def fin(self, victims: Victims) -> None:
        """A FIN to both ends of every connection."""
        self._net.finish_all(self._ways.names(victims))

    async def dead_flow(self, victims: Victims) -> None:
        """A dead flow for every live connection."""
        self._net.half_open(self._ways.names(victims))
