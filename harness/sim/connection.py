"""A simulated TCP connection: two ends, and a pipe for each direction between them."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Literal

from harness.sim.kernel import Kernel
from harness.sim.packet import Packet
from harness.sim.pipe import Pipe
from harness.sim.server import SimServer
from harness.sim.sock import Address, SimSocket
from harness.sim.trace import Trace
from harness.sim.transport import SimTransport
from harness.sim.way import Way

Stream = Literal["upstream", "downstream"]
"""Toxiproxy's words: upstream is from the client to the server."""


class Connection:
    """Lives until both ends are gone; an end may be gone long before the other learns of it."""

    def __init__(
        self,
        kernel: Kernel,
        trace: Trace,
        number: int,
        ways: tuple[Way, Way],
        patience_s: Callable[[], float],
        client_address: Address,
        server: SimServer,
        on_gone: Callable[[Connection], None],
    ) -> None:
        up, down = ways
        self.number = number
        self.host = ""
        """The name by which its client dialled."""
        self._server = server
        self._on_gone = on_gone
        self._up = Pipe(kernel, trace, number, True, up, down, patience_s)
        self._down = Pipe(kernel, trace, number, False, down, up, patience_s)
        client_sock = SimSocket(client_address, server.address)
        server_sock = SimSocket(server.address, client_address)
        self.client = SimTransport(
            kernel, client_sock, self._down, self._up, copy_context(), self._end
        )
        self._accepted = SimTransport(
            kernel,
            server_sock,
            self._up,
            self._down,
            server.context.copy(),
            self._end,
            server.accept,
        )
        self._ends_alive = 2
        self._up.join(self.client, self._accepted, self._down)
        self._down.join(self._accepted, self.client, self._up)
        self._up.open()

    def pipe(self, stream: Stream) -> Pipe:
        """The direction that Toxiproxy calls `stream`."""
        return self._up if stream == "upstream" else self._down

    def heal(self) -> None:
        """A cut is over: reset what lost something, go on with the rest."""
        if self._up.starved or self._down.starved:
            self.reset()
        elif not self._up.silent:
            self._up.heal()
            self._down.heal()

    def silence(self) -> None:
        """Nothing passes any more, for good, and neither end is told."""
        self._up.silent = self._down.silent = True

    def finish(self) -> None:
        """A FIN reaches both ends, unless the connection is silent."""
        if not self._up.silent:
            self._up.end()

    def reset(self) -> None:
        """An RST reaches both ends, unless the connection is silent."""
        if not self._up.silent:
            self.client.receive(Packet.RST)
            self._accepted.receive(Packet.RST)

    def _end(self, transport: SimTransport) -> None:
        if transport is self._accepted:
            self._server.detach(transport)
        # Each end says it once; a reset takes both at one instant.
        self._ends_alive -= 1
        if self._ends_alive == 0:
            self._up.close()
            self._down.close()
            self._on_gone(self)
