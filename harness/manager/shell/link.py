"""One link: the task that dials, reads and writes one WebSocket, and reports what happens."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from harness.manager.config import Config
from harness.manager.failures import Failure
from harness.manager.shell.dial import DIAL_ERRORS, dial, failure_of, failure_of_close

LOG = logging.getLogger("harness.manager")


class Reports(Protocol):
    """Whom a link reports to."""

    def opened(self, link: int) -> None:
        """The handshake is done."""

    def dial_failed(self, link: int, failure: Failure) -> None:
        """There was none."""

    def received(self, link: int, frame: str | bytes) -> None:
        """A frame came in."""

    def written(self, link: int, frame_bytes: int) -> None:
        """The socket took a frame."""

    def lost(self, link: int, failure: Failure) -> None:
        """The link ended by itself."""


class Link:
    """One attempt to connect, and the connection that comes of it. Never used again."""

    def __init__(self, number: int, url: str, config: Config, reports: Reports) -> None:
        self._number = number
        self._url = url
        self._config = config
        self._reports = reports
        self._polite = False
        # The core bounds what waits here: broadcasts by bytes, all else by its own timers.
        self._frames: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._run())

    def write(self, frame: str | bytes) -> None:
        """Write a frame, in order."""
        self._frames.put_nowait(frame)

    def hang_up(self, *, politely: bool) -> None:
        """End the link; a polite end says so to the peer, within `close_timeout_s`."""
        self._polite = politely
        self.task.cancel()

    async def _run(self) -> None:
        try:
            connection = await dial(self._url, self._config)
        except DIAL_ERRORS as error:
            self._reports.dial_failed(self._number, failure_of(error))
            return
        try:
            await self._converse(connection)
        finally:
            if self._polite:
                await self._say_goodbye(connection)
            connection.transport.abort()

    async def _converse(self, connection: ClientConnection) -> None:
        self._reports.opened(self._number)
        writer = asyncio.get_running_loop().create_task(self._write_all(connection))
        try:
            while True:
                self._reports.received(self._number, await connection.recv())
        except ConnectionClosed as error:
            self._reports.lost(self._number, failure_of_close(error))
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    async def _write_all(self, connection: ClientConnection) -> None:
        try:
            while True:
                frame = await self._frames.get()
                await connection.send(frame)
                self._reports.written(self._number, len(frame))
        except ConnectionClosed:
            return  # The reader learns of it too, and reports it.

    async def _say_goodbye(self, connection: ClientConnection) -> None:
        try:
            async with asyncio.timeout(self._config.close_timeout_s):
                await connection.close()
        except TimeoutError:
            LOG.debug("the peer did not answer the closing handshake")
