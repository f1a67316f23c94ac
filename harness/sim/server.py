"""A listening socket of the simulated network, as `asyncio.Server` shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

from harness.sim.sock import Address, SimSocket
from harness.sim.transport import SimTransport


class SimServer(asyncio.AbstractServer):
    """Accepts while it serves; ends when it is closed and its last connection is gone."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        factory: Callable[[], asyncio.Protocol],
        address: Address,
        context: Context,
        on_closed: Callable[[SimServer], None],
    ) -> None:
        self._loop = loop
        self._factory = factory
        self._on_closed = on_closed
        self._serving = False
        self._closed = False
        # In the order of their acceptance.
        self._active: dict[SimTransport, None] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self.context = context
        self.address = address

    @property
    def sockets(self) -> tuple[SimSocket, ...]:
        """The listening socket; none once it is closed."""
        return () if self._closed else (SimSocket(self.address),)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def is_serving(self) -> bool:
        return self._serving

    async def start_serving(self) -> None:
        """Begin to accept; until then connects are refused."""
        self._serving = not self._closed

    async def serve_forever(self) -> None:
        """Serve until cancelled, then close."""
        await self.start_serving()
        try:
            await self._loop.create_future()
        finally:
            self.close()
            await self.wait_closed()

    def close(self) -> None:
        """Accept no more; live connections go on."""
        if not self._closed:
            self._closed = True
            self._serving = False
            self._on_closed(self)
            self._wake()

    async def wait_closed(self) -> None:
        """Wait until it is closed and every connection is gone (as Python 3.12 does)."""
        if not self._closed or self._active:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def accept(self, transport: SimTransport) -> None:
        """A handshake is complete: make a protocol for it, or refuse it if closed meanwhile."""
        if not self._serving:
            transport.refuse()
            return
        self._active[transport] = None
        transport.attach(self._factory())

    def detach(self, transport: SimTransport) -> None:
        """A connection is gone."""
        self._active.pop(transport, None)
        self._wake()

    def _wake(self) -> None:
        if self._closed and not self._active:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
