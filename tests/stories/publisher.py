"""Who publishes beside the client: numbered broadcasts by REST on every topic, rows, bursts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h11

ANSWER_WITHIN_S = 10.0
OTHERS_EVERY = 5
"""The topics beside the first, the judged one, get every fifth batch, as in the recordings."""
_CHUNK_BYTES = 65_536

Now = Callable[[], float]


class Rest:
    """One connection to the server, kept alive as HTTP clients do and made anew when it ends."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._http: h11.Connection

    async def broadcast(self, messages: list[dict[str, Any]]) -> int | None:
        """Send a batch; the status, or None if there was no answer."""
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await self._post(json.dumps({"messages": messages}).encode())
            except (OSError, TimeoutError, EOFError, h11.ProtocolError):
                self.close()
                return None

    def close(self) -> None:
        """Drop the connection. Idempotent."""
        streams, self._streams = self._streams, None
        if streams is not None:
            with suppress(OSError):
                streams[1].close()

    async def _post(self, body: bytes) -> int:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            self._http = h11.Connection(h11.CLIENT)
        reader, writer = self._streams
        writer.write(self._http.send(self._request(len(body))) or b"")
        writer.write(self._http.send(h11.Data(body)) or b"")
        writer.write(self._http.send(h11.EndOfMessage()) or b"")
        status = await self._answer(reader)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()
        return status

    async def _answer(self, reader: asyncio.StreamReader) -> int:
        status = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_CHUNK_BYTES)
                if not data:
                    raise EOFError
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                return status

    def _request(self, length: int) -> h11.Request:
        headers = [
            ("host", f"127.0.0.1:{self._port}"),
            ("content-type", "application/json"),
            ("content-length", str(length)),
            ("apikey", self._key),
            ("authorization", f"Bearer {self._key}"),
        ]
        return h11.Request(method="POST", target="/realtime/v1/api/broadcast", headers=headers)


@dataclass(slots=True)
class Numbers:
    """The numbered broadcasts of one topic: what was accepted, and when it was sent."""

    topic: str
    private: bool
    every: int
    """In every how manyth batch it has a part."""
    last: int = 0
    accepted_s: dict[int, float] = field(default_factory=dict)
    rejected: int = 0


class Publisher:
    """Publishes to one case's topics; times are those of the case."""

    def __init__(self, rest: Rest, insert: Callable[[int], None], now_s: Now) -> None:
        self.topics: dict[str, Numbers] = {}
        self.rows_s: dict[int, float] = {}
        """When each row was inserted."""
        self._rest = rest
        self._insert = insert
        self._now_s = now_s

    def add_topic(self, topic: str, private: bool) -> None:
        """Publish there from now on; a topic that comes again is numbered anew."""
        every = OTHERS_EVERY if self.topics else 1
        numbers = self.topics.setdefault(topic, Numbers(topic, private, every))
        numbers.last = 0

    async def broadcast_every(self, period_s: float, first_s: float) -> None:
        """A batch with the next number of each topic, for ever, the first in a while."""
        batch = 0
        await asyncio.sleep(first_s)
        async for _ in _ticks(period_s):
            batch += 1
            if self.topics:
                await self._batch(batch)

    async def _batch(self, batch: int) -> None:
        sent_s, sent, messages = self._now_s(), [], []
        for numbers in self.topics.values():
            if batch % numbers.every:
                continue
            numbers.last += 1
            sent.append((numbers, numbers.last))
            payload = {"seq": numbers.last, "sent": round(time.time(), 4)}
            messages.append(_message(numbers.topic, "n", payload, numbers.private))
        status = await self._rest.broadcast(messages) if messages else None
        for numbers, number in sent:
            if status == 202:
                numbers.accepted_s[number] = sent_s
            else:
                numbers.rejected += 1

    async def insert_every(self, period_s: float, first_s: float) -> None:
        """A row with the next number, for ever, the first in a while."""
        number = 0
        await asyncio.sleep(first_s)
        async for _ in _ticks(period_s):
            number += 1
            self.rows_s[number] = self._now_s()
            self._insert(number)

    async def probe(self, topic: str, number: int) -> int | None:
        """One more broadcast; what the server answered."""
        private = topic in self.topics and self.topics[topic].private
        return await self._rest.broadcast([_message(topic, "probe", {"n": number}, private)])


def _message(topic: str, event: str, payload: Any, private: bool) -> dict[str, Any]:
    message = {"topic": topic, "event": event, "payload": payload}
    return {**message, "private": True} if private else message


async def _ticks(period_s: float) -> AsyncIterator[None]:
    """Now and after every period; what was missed is left out."""
    loop = asyncio.get_running_loop()
    next_s = loop.time()
    while True:
        yield None
        next_s = max(next_s + period_s, loop.time())
        await asyncio.sleep(next_s - loop.time())
