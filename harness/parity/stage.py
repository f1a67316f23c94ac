"""One effect under measurement: connections with both ends in hand, and what was found wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.nemesis import Network, Stream, Victims
from harness.parity.peer import Peer, Streams
from harness.worlds.world import Env

COHORTS = (("hit",), ("spared",))
HIT: Victims = ("hit",)

SILENCE_S = 0.4
"""Who hears nothing for so long is taken to hear nothing."""
PATIENCE_S = 10.0

SHARE_LATE = 0.02
"""How much slower than its law a long effect may be, as a share of its length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a world may be from the law. A simulation needs none.

    What is allowed to real time is the machine's: 18 effects at once on two cores that had as much
    again to do were 83 ms late at the 99th percentile, and 0.5 ms at the median. How exact a toxic
    is by itself is measured in `tests/bench/proxy`.
    """

    early_s: float = 0.002
    late_s: float = 0.1
    recovery_s: float = 1.5
    """How far a client's recovery may be from that in the simulation: three messages of the
    source, by which it is told."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends of one connection."""

    client: Streams
    server: Streams

    def ends(self, stream: Stream) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        """Where to write and where to read what travels on a stream."""
        up = stream == "upstream"
        source, sink = (self.client, self.server) if up else (self.server, self.client)
        return source[1], sink[0]


class Stage:
    """A run's surroundings as an effect sees them."""

    def __init__(self, env: Env, peer: Peer, tolerance: Tolerance) -> None:
        self.network: Network = env.levers.network
        self.now_s = env.now_s
        self.problems: list[str] = []
        self._env = env
        self._peer = peer
        self._tolerance = tolerance
        self._writers: list[asyncio.StreamWriter] = []

    async def dial(self, client: str = "hit") -> Pair:
        """A new connection of a client."""
        async with asyncio.timeout(PATIENCE_S):
            connected = await self.connect(client)
            return Pair(connected, await self._peer.accept())

    async def connect(self, client: str) -> Streams:
        """The client's end only, for a connection that may lead nowhere."""
        parts = urlsplit(self._env.url(client))
        streams = await asyncio.open_connection(parts.hostname, parts.port)
        self._writers.append(streams[1])
        return streams

    async def met(self, client: str) -> str:
        """What a connect meets: the name of what it raises, or `nothing`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.connect(client)
        except OSError as error:
            return type(error).__name__
        return "nothing"

    async def travel(self, pair: Pair, stream: Stream, size: int = 100) -> float:
        """How long bytes take from end to end, in seconds."""
        writer, reader = pair.ends(stream)
        sent = bytes(number % 251 for number in range(size))
        began_s = self.now_s()
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            got = await reader.readexactly(size)
        self.expect(got == sent, f"{stream}: bytes changed on their way")
        return self.now_s() - began_s

    async def end(
        self, reader: asyncio.StreamReader, within_s: float = SILENCE_S
    ) -> tuple[str, int, float]:
        """How a stream ends, after how many bytes and seconds: `FIN`, `RST` or `silence`."""
        began_s = self.now_s()
        size = 0
        try:
            while True:
                async with asyncio.timeout(within_s):
                    got = await reader.read(65536)
                size += len(got)
                if not got:
                    return "FIN", size, self.now_s() - began_s
        except TimeoutError:
            return "silence", size, self.now_s() - began_s
        except ConnectionError:
            return "RST", size, self.now_s() - began_s

    def expect(self, holds: bool, rule: str) -> None:
        """Take down a rule that does not hold."""
        if not holds:
            self.problems.append(rule)

    def lasts(self, measured_s: float, law_s: float, what: str) -> None:
        """Take down what is earlier or later than its law."""
        late_s = self._tolerance.late_s + law_s * SHARE_LATE
        if not -self._tolerance.early_s <= measured_s - law_s <= late_s:
            self.problems.append(
                f"{what} took {measured_s * 1000:.0f} ms; by the law it takes {law_s * 1000:.0f}"
            )

    async def close(self) -> None:
        """End what it has opened."""
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)
