"""The packets world: real time, real sockets, and a kernel that loses packets for real."""

from __future__ import annotations

import asyncio
import platform
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from harness.entropy import substream
from harness.nemesis import CannotExpress, Held, Levers, Stream, Victims
from harness.packets import CannotIsolate, Namespace, ToolFailed, Way, check_possible
from harness.packets.rules import (
    Rule,
    dropped,
    lost,
    new_refused,
    new_stalled,
    only_flows,
)
from harness.toxiproxy.off_loop import off_loop, within
from harness.worlds.real_loop import RealLoop
from harness.worlds.roads import Roads
from harness.worlds.ways import Ways
from harness.worlds.wire import LONGEST_STORY_S
from harness.worlds.world import Cohorts, Env, Narrator, ServerMaker, Story, WorldFailed

T = TypeVar("T")

ALL_OF_LOOPBACK = "0.0.0.0"
"""Inside the namespace there is nothing else."""

WAYS_A_NUMBER = 250


class PacketsWorld:
    """Runs stories side by side on one real event loop, in a network namespace of its own.

    Only root on Linux has one. Elsewhere every story is *unknown* if the world was `asked_for` by
    name, and *not applicable* otherwise, each with the reason.
    """

    name = "packets"

    def __init__(
        self,
        make_server: ServerMaker,
        *,
        asked_for: bool = True,
        story_s_max: float = LONGEST_STORY_S,
    ) -> None:
        self.story_s_max = story_s_max
        self._make_server = make_server
        self._asked_for = asked_for
        self._lock = threading.Lock()
        self._started: tuple[RealLoop, Namespace] | CannotIsolate | None = None

    def versions(self) -> Mapping[str, str]:
        """The kernel that loses the packets, or why none does."""
        started = self._start()
        if isinstance(started, CannotIsolate):
            return {"packets": f"none: {started}"}
        return {"packets": f"Linux {platform.release()}"}

    def play(self, story: Story[T], seed: int, narrate: Narrator, cohorts: Cohorts = ()) -> T:
        """Run a story in real time; several threads may each play one."""
        started = self._start()
        if isinstance(started, CannotIsolate):
            reason = f"packets cannot be lost for real on this machine: {started}"
            raise WorldFailed(reason) if self._asked_for else CannotExpress(reason)
        loop, namespace = started
        return loop.play(self._main(namespace, story, seed, narrate, cohorts))

    def close(self) -> None:
        """Cancel what runs and end the thread; the namespace goes with it."""
        with self._lock:
            if isinstance(self._started, tuple):
                self._started[0].close()
            self._started = None

    def _start(self) -> tuple[RealLoop, Namespace] | CannotIsolate:
        with self._lock:
            if self._started is None:
                made: list[Namespace] = []
                try:
                    check_possible()
                    loop = RealLoop("squall-packets", lambda: made.append(Namespace()))
                    self._started = loop, made[0]
                except CannotIsolate as error:
                    self._started = error
            return self._started

    async def _main(
        self, namespace: Namespace, story: Story[T], seed: int, narrate: Narrator, cohorts: Cohorts
    ) -> T:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        server = self._make_server(
            lambda f, value: narrate("server", f, value), time.time, substream(seed, "server")
        )
        await server.start(ALL_OF_LOOPBACK, 0)
        ways = Ways(f"server-{server.port}", cohorts)
        by_name = {
            name: Way(_address(number), server.port) for number, name in enumerate(ways.all())
        }
        reached = {name: (way.address, way.port) for name, way in by_name.items()}
        roads = Roads(ways, server, reached, narrate)
        network = PacketNetwork(namespace, by_name, ways, roads)
        levers = Levers(network, server)
        try:
            with roads.known():
                return await story(
                    Env(levers, roads.url, lambda: loop.time() - began_s, seed, roads.program_url)
                )
        finally:
            await network.clear()
            await server.stop()


def _address(number: int) -> str:
    return f"127.0.{1 + number // WAYS_A_NUMBER}.{1 + number % WAYS_A_NUMBER}"


class PacketNetwork:
    """The network levers, by what nftables can do to packets; `toxiproxy.md` §6.3."""

    def __init__(
        self, namespace: Namespace, by_name: Mapping[str, Way], ways: Ways, roads: Roads
    ) -> None:
        self._namespace = namespace
        self._by_name = by_name
        self._ways = ways
        self._roads = roads
        self._dead: list[str] = []

    def toxic(
        self, victims: Victims, stream: Stream, type: str, attributes: Mapping[str, int]
    ) -> Held:
        """Nothing shapes a stream here."""
        raise CannotExpress("packets are lost or refused here; wire has the toxics")

    @asynccontextmanager
    async def hole(self, victims: Victims, *, up: bool, down: bool) -> AsyncIterator[None]:
        """Drops. After the heal TCP sends again what was not acknowledged, in its own time."""
        rules = [rule for way in self._of(victims) for rule in dropped(way, up=up, down=down)]
        async with within(self._held(rules)):
            yield

    @asynccontextmanager
    async def lose(self, victims: Victims, share: float) -> AsyncIterator[None]:
        """Drops by lot. The kernel draws: no seed repeats it."""
        rules = [rule for way in self._of(victims) for rule in lost(way, share)]
        async with within(self._held(rules)):
            yield

    @asynccontextmanager
    async def refuse(self, victims: Victims) -> AsyncIterator[None]:
        """An RST for whoever connects or sends, and for every live connection at once."""
        rules = [rule for way in self._of(victims) for rule in new_refused(way)]
        async with within(self._held(rules)):
            await self.rst(victims)
            yield

    def dns_failure(self, victims: Victims) -> Held:
        """The loop that the clients run on resolves nothing."""
        return self._roads.dns_failure(victims)

    @asynccontextmanager
    async def stall_connects(self, victims: Victims) -> AsyncIterator[None]:
        """Drops of the first packet of a connect."""
        rules = [rule for way in self._of(victims) for rule in new_stalled(way)]
        async with within(self._held(rules)):
            yield

    async def rst(self, victims: Victims) -> None:
        """The kernel ends the sockets of the server, as an administrator would."""
        for way in self._of(victims):
            await off_loop(self._namespace.reset, way)

    async def fin(self, victims: Victims) -> None:
        """Only a program sends a FIN."""
        raise CannotExpress("a FIN comes from a program, not from the network")

    async def dead_flow(self, victims: Victims) -> None:
        """Drops of what belongs to the connections of this moment, until the story ends."""
        for way in self._of(victims):
            flows = await off_loop(self._namespace.flows, way)
            if flows:
                self._dead.append(await off_loop(self._namespace.add, only_flows(way, flows)))

    async def clear(self) -> None:
        """Take back what no heal does."""
        while self._dead:
            with suppress(ToolFailed):
                await off_loop(self._namespace.remove, self._dead.pop())

    @contextmanager
    def _held(self, rules: Iterable[Rule]) -> Iterator[None]:
        name = self._namespace.add(rules)
        try:
            yield
        finally:
            self._namespace.remove(name)

    def _of(self, victims: Victims) -> list[Way]:
        names = self._ways.names(victims)
        return [self._by_name[name] for name in (self._ways.all() if names is None else names)]
