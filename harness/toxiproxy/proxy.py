"""One proxy: a listening address, an upstream, toxics, and the connections between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from harness.entropy import substream
from harness.toxics import Chain
from harness.toxiproxy.address import BadAddress, listen, resolve, split
from harness.toxiproxy.link import Link, Side
from harness.toxiproxy.toxic_record import STREAMS, StreamName, ToxicRecord
from harness.toxiproxy.traffic import Ledger, Route, Traffic

DIAL_TIMEOUT_S = 30.0
"""An upstream that does not answer is given up, so that no connection hangs for ever."""


class Proxy:
    """Starts and stops a listener, and keeps toxics and live connections in step.

    Nothing here waits for a peer: chains are edited and sockets closed in one step of the loop.
    """

    def __init__(self, name: str, listen: str, upstream: str, seed: int, ledger: Ledger) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        # Toxics in the order they were added; names are unique over both streams.
        self.toxics: dict[str, ToxicRecord] = {}
        self._seed = seed
        self._ledger = ledger
        self._server: asyncio.AbstractServer | None = None
        self._links: dict[Link, int] = {}
        self._accepted = 0

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def connections(self) -> int:
        """Live connections, those still being dialled among them."""
        return len(self._links)

    async def start(self) -> None:
        """Listen, and remember the port that was chosen. Raises `BadAddress`."""
        if self._server is not None:
            return
        try:
            address = await resolve(self.listen)
        except BadAddress as error:
            raise BadAddress(f"listen tcp: {error}") from None
        self._server, self.listen = await listen(self._accept, address)

    def stop(self) -> None:
        """Stop listening and drop every connection at once."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in list(self._links):
            link.abort()

    async def differs(self, listen: str, upstream: str) -> bool:
        """Whether an update to these would move it. Raises `BadAddress`."""
        return str(await resolve(listen)) != self.listen or upstream != self.upstream

    async def update(self, listen: str, upstream: str, enabled: bool) -> None:
        """Move and switch it; a move drops its connections and keeps its toxics.

        Raises `BadAddress`: an address that cannot be read changes nothing, one that cannot be
        bound leaves the proxy disabled there (`toxiproxy.md` §1.4).
        """
        if await self.differs(listen, upstream):
            self.stop()
            self.listen, self.upstream = listen, upstream
        if not enabled:
            self.stop()
        elif not self.enabled:
            await self.start()

    def add_toxic(self, record: ToxicRecord) -> None:
        """Add a toxic to the proxy and to its live connections."""
        self._draw_anew(self._before(record.stream_name))
        self.toxics[record.name] = record
        toxic = record.running()
        for link, number in self._links.items():
            hit = self._is_hit(record, number)
            link.add_toxic(record.stream_name, record.name, toxic, hit)

    def update_toxic(self, record: ToxicRecord) -> None:
        """Bring live connections in step with a changed record."""
        record.revision += 1
        toxic = record.running()
        for link, number in self._links.items():
            hit = self._is_hit(record, number)
            link.update_toxic(record.stream_name, record.name, toxic, hit)

    def remove_toxic(self, record: ToxicRecord) -> None:
        """Remove a toxic from the proxy and from its live connections."""
        before = self._before(record.stream_name, record)
        del self.toxics[record.name]
        for link in list(self._links):
            link.remove_toxics(record.stream_name, [record.name])
        self._draw_anew(before)

    def remove_all_toxics(self) -> None:
        """Remove every toxic."""
        for stream in STREAMS:
            names = [one.name for one in self.toxics.values() if one.stream_name == stream]
            for link in list(self._links):
                link.remove_toxics(stream, names)
        self.toxics.clear()

    def ordered_toxics(self) -> list[ToxicRecord]:
        """The upstream chain, then the downstream one, each in order of creation."""
        return [
            record
            for stream in STREAMS
            for record in self.toxics.values()
            if record.stream_name == stream
        ]

    def to_json(self) -> Mapping[str, Any]:
        """In Toxiproxy's order of keys, without its accidental `Logger`."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": [record.to_json() for record in self.ordered_toxics()],
        }

    def _accept(self) -> Side:
        self._accepted += 1
        number = self._accepted
        link = Link(self, number)
        self._links[link] = number
        return link.client

    def forget(self, link: Link) -> None:
        """A connection is gone."""
        self._links.pop(link, None)

    def traffic(self) -> Mapping[StreamName, Traffic]:
        """Where the bytes of its connections are counted, by direction."""
        return {
            stream: self._ledger.traffic(Route(stream, self.listen, self.name, self.upstream))
            for stream in STREAMS
        }

    def dial(self, make_side: Callable[[], Side]) -> asyncio.Task[None]:
        """Reach the upstream; the link sees by its side whether that came about."""
        return asyncio.get_running_loop().create_task(self._connect(make_side))

    async def _connect(self, make_side: Callable[[], Side]) -> None:
        loop = asyncio.get_running_loop()
        try:
            host, port = split(self.upstream)
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                await loop.create_connection(make_side, host or "localhost", int(port))
        except (OSError, ValueError, OverflowError):  # of which the last is a port over 65535
            return

    def chains(self, number: int) -> Mapping[StreamName, Chain]:
        """The toxics of both streams for a connection, by its number."""
        rng = substream(self._seed, f"{self.name}/{number}")
        chains = {stream: Chain(rng) for stream in STREAMS}
        now_s = asyncio.get_running_loop().time()
        for record in self.toxics.values():
            hit = self._is_hit(record, number)
            chains[record.stream_name].add(record.name, record.running(), now_s, hit=hit)
        return chains

    def _before(self, stream: StreamName, record: ToxicRecord | None = None) -> ToxicRecord | None:
        """The toxic before a record of a stream, or the last one."""
        before = None
        for each in self.toxics.values():
            if each is record:
                break
            if each.stream_name == stream:
                before = each
        return before

    def _draw_anew(self, record: ToxicRecord | None) -> None:
        """The original begins a toxic again where the next one comes or goes (§2.11).

        Where its toxicity leaves nothing to chance, it is left alone.
        """
        if record and 0 < record.toxicity < 1:
            self.update_toxic(record)

    def _is_hit(self, record: ToxicRecord, number: int) -> bool:
        """Whether a toxic affects a connection: drawn once, and again at each update of it."""
        if not 0 < record.toxicity < 1:
            return record.toxicity >= 1
        name = f"{self.name}/{number}/{record.name}/{record.revision}"
        return substream(self._seed, name).random() < record.toxicity
