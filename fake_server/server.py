"""The fake server: it listens, ends, and comes back; what its tenants do is theirs."""

from __future__ import annotations

import asyncio
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from fake_server.config import ServerConfig
from fake_server.handshake import Upgrade
from fake_server.http import Answer, Request
from fake_server.port import Port
from fake_server.project import House, Project
from fake_server.shell import OnTruth
from fake_server.tenancy import Tenancy

_HALT_S = 5.0
"""How long the process lives on after SIGTERM while connections are open."""


class FakeServer(Tenancy):
    """A Supabase Realtime server that can be started, watched, and broken.

    `on_truth(f, value)` hears each act of the server at the moment it happens, with the ops that
    process `server` has in a history. `clock` gives seconds since the epoch; `rng` feeds what is
    random on the wire. Everything else follows the running event loop, so the server runs unchanged
    in virtual time.
    """

    def __init__(
        self,
        config: ServerConfig | None = None,
        on_truth: OnTruth | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        config = config or ServerConfig()
        self.host = "127.0.0.1"
        self.port = 0
        self._rng = rng or random.Random()
        house = House(clock, on_truth, self._halt, lambda: self.start(self.host, self.port))
        super().__init__(Project(config, self._rng, house))
        self._port = Port(self, config)

    # Where it is.

    @property
    def url(self) -> str:
        """The address of the gateway, for clients."""
        return f"ws://{self._authority}/realtime/v1"

    @property
    def http_url(self) -> str:
        """The base address of everything over HTTP, as `create_client` takes it."""
        return f"http://{self._authority}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    # Running.

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, at first or again; port 0 is the port of the last time, or any free one.

        Raises `OSError` if the port is taken, `RuntimeError` if the server runs already.
        """
        if self._port.is_open:
            raise RuntimeError(f"the server runs already, at {self.url}: stop it first")
        self.port = await self._port.open(host, port or self.port)
        self.host = host
        self._project.shell.started()

    async def stop(self) -> None:
        """Vanish as after SIGKILL: no listener, connections gone without a close frame, all joins
        forgotten. Does nothing when the server does not run."""
        self._project.board.abandon("restart")
        await self._halt()

    async def _halt(self) -> None:
        await self._port.close(self._project.vanish)

    async def kill(self) -> None:
        """SIGKILL: the same as `stop`."""
        await self.stop()

    async def terminate(self) -> None:
        """SIGTERM: no listener; connections with channels are closed with 1012, the rest dies
        without a close frame when the process ends, after at most 5 s (recorded). A channel with
        something tracked gets `phx_error`, and its connection dies then too."""
        if not self._port.is_open:
            return
        self._port.accept_no_more()
        shell = self._project.shell
        shell.perform(shell.node.terminate(self.now_s()))
        lost = [asyncio.ensure_future(line.wait_closed()) for line in shell.lines.values()]
        if lost:
            await asyncio.wait(lost, timeout=_HALT_S)
        await self.stop()
        await asyncio.gather(*lost)

    def truth(self) -> dict[str, Any]:
        """Everything that the server knows to be true: whether it listens, who is connected and
        joined with which token (its `jti`), the mails of sign-in, and the counts. Holds no secrets
        but the codes in those mails."""
        return {"listening": self._port.is_open, **super().truth()}

    # What the port asks (`port.Owner`).

    def project_of(self, upgrade: Upgrade) -> Project:
        """The tenant that an upgrade is for."""
        return self._project

    def answer(self, request: Request) -> Answer:
        """Answer a whole request over HTTP."""
        return self._project.answer(request)

    def request_id(self) -> str:
        """A new `x-request-id`."""
        return urlsafe_b64encode(self._rng.randbytes(15)).decode()
