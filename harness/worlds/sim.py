"""The simulated world: virtual time and a simulated network under the event loop."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from harness.entropy import substream
from harness.nemesis import Heal, Levers
from harness.sim import SimLoop, SimNetwork, run
from harness.toxics import Bandwidth, Latency
from harness.worlds.world import Env, Narrator, ServerMaker, Story

T = TypeVar("T")

HOST, PORT = "server", 4000

STORY_LIMIT_S = 40 * 3600.0
"""No story lasts longer; one that would is an endless loop."""


class SimWorld:
    """Runs each story on a fresh loop, network and server, all driven by its seed."""

    name = "sim"
    story_s_max = math.inf

    def __init__(self, make_server: ServerMaker) -> None:
        self._make_server = make_server

    def versions(self) -> Mapping[str, str]:
        """Nothing but our own code."""
        return {}

    def play(self, story: Story[T], seed: int, narrate: Narrator) -> T:
        """Run a story in virtual time. Raises `SimDeadlock` for one that hangs."""

        async def main(loop: SimLoop) -> T:
            return await self._main(loop, story, seed, narrate)

        return run(main, seed=seed, limit_s=STORY_LIMIT_S)

    def close(self) -> None:
        """Nothing outlives a story."""

    async def _main(self, loop: SimLoop, story: Story[T], seed: int, narrate: Narrator) -> T:
        began_s = loop.time()
        server = self._make_server(
            lambda f, value: narrate("server", f, value), time.time, substream(seed, "server")
        )
        loop.net.on_dial = lambda outcome: narrate("network", "dial", {"outcome": outcome})
        await server.start(HOST, PORT)

        def url(name: str) -> str:
            return f"ws://{HOST}:{PORT}/realtime/v1?apikey={server.key(name)}"

        levers = Levers(SimulatedNetwork(loop.net), server)
        try:
            return await story(Env(levers, url, lambda: loop.time() - began_s, seed))
        finally:
            await server.stop()


class SimulatedNetwork:
    """The network levers, by the verbs of the simulated network."""

    def __init__(self, net: SimNetwork) -> None:
        self._net = net

    async def cut(self) -> Heal:
        """Packets vanish both ways."""
        self._net.cut()
        return _healing(self._net.heal)

    async def refuse(self) -> Heal:
        """Live connections are reset, connects refused."""
        self._net.refuse(True)
        self._net.reset_all()
        return _healing(lambda: self._net.refuse(False))

    async def reset(self) -> None:
        """An RST to both ends of every connection."""
        self._net.reset_all()

    async def silence_live(self) -> None:
        """A dead flow for every live connection."""
        self._net.half_open()

    async def slow(self, latency_s: float, jitter_s: float, bytes_per_s: float | None) -> Heal:
        """The same toxics that the embedded Toxiproxy runs, on the way down."""
        toxics: dict[str, Any] = {
            "slow_latency": Latency(latency=round(latency_s * 1000), jitter=round(jitter_s * 1000))
        }
        if bytes_per_s is not None:
            toxics["slow_bandwidth"] = Bandwidth(rate=round(bytes_per_s / 1000))
        for name, toxic in toxics.items():
            self._net.add_toxic(name, toxic)

        def heal() -> None:
            for name in toxics:
                self._net.remove_toxic(name)

        return _healing(heal)


def _healing(verb: Any) -> Heal:
    async def heal() -> None:
        verb()

    return heal
