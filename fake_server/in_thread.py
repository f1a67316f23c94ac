"""The fake server on a thread and a loop of its own, for tests of every kind.

Plain tests, tests with threads, with any event loop of their own, or of other processes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from fake_server.config import ServerConfig
from fake_server.levers.board import Lever
from fake_server.server import FakeServer
from fake_server.tenancy import Tenancy

T = TypeVar("T")

_PATIENCE_S = 60.0
"""How long a call may take; a call that takes longer raises `TimeoutError`."""


class LeverInThread:
    """One lever that was pulled; `heal` takes it back."""

    def __init__(self, server: ServerInThread, lever: Lever) -> None:
        self._server = server
        self._lever = lever

    @property
    def name(self) -> str:
        """What it is called."""
        return self._lever.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Every parameter with its value."""
        return self._lever.parameters

    @property
    def hits(self) -> int:
        """How many frames, requests, connections or channels it has struck so far."""
        return self._server.call(lambda server: self._lever.hits)

    def heal(self) -> None:
        """Take it back, and wait until that is done. Idempotent."""
        self._server.call(lambda server: self._lever.heal())
        self.settle()

    def settle(self) -> None:
        """Wait for what takes time: the batches of a drain, the end or return of the server."""
        self._server.wait(lambda server: self._lever.settled())


class TenantInThread:
    """One tenant of a server on a thread: where it is, its keys, its levers, and what it knows."""

    def __init__(self, server: ServerInThread, tenant: str | None) -> None:
        self._of = server
        self._tenant = tenant

    @property
    def _tenancy(self) -> Tenancy:
        server = self._of.running
        return server if self._tenant is None else server.tenant(self._tenant)

    # Where it is, and who may use it.

    @property
    def url(self) -> str:
        """The address of the WebSocket gateway, for Realtime clients."""
        return self._tenancy.url

    @property
    def http_url(self) -> str:
        """The base address, as `create_client` takes it."""
        return self._tenancy.http_url

    @property
    def apikey(self) -> str:
        """The anonymous API key."""
        return self._tenancy.apikey

    def key(self, sub: str) -> str:
        """An anonymous API key that names its holder, so that levers and ground truth can."""
        return self._tenancy.key(sub)

    def token(self, sub: str, token_id: str, lifetime_s: float = 3600) -> str:
        """An access token of a signed-in user; the ground truth calls it `token_id`."""
        return self._tenancy.token(sub, token_id, lifetime_s)

    # Levers, and what it knows.

    def pull(self, name: str, /, **parameters: Any) -> LeverInThread:
        """Pull a lever of `docs/levers.md`. Raises `BadLever`, a `ValueError`."""
        return LeverInThread(
            self._of, self._of.call(lambda server: self._tenancy.pull(name, **parameters))
        )

    def publish(self, topic: str, event: str, payload: Any) -> int:
        """Broadcast to the public channels of a topic, as a REST call does; returns how many."""
        return self._of.call(lambda server: self._tenancy.publish(topic, event, payload))

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Commit a row of JSON values to a table of schema `public`. Raises `DatabaseError`."""
        self._of.call(lambda server: self._tenancy.insert(table, row))

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what: conn, client, topic, join_ref."""
        return self._of.call(lambda server: self._tenancy.membership())

    def truth(self) -> dict[str, Any]:
        """Everything that is known to be true; see `Tenancy.truth`, and `FakeServer.truth` for the
        server as a whole."""
        return self._of.call(lambda server: self._tenancy.truth())


class ServerInThread(TenantInThread):
    """A running `FakeServer`; a context manager that starts it and stops it.

    What a tenant has is here for the first one, and `tenant(name)` gives the same for each. What it
    has not of its own is reached with `call` and `wait`.
    """

    def __init__(self, config: ServerConfig | Sequence[ServerConfig] | None = None) -> None:
        super().__init__(self, None)
        self._config = config
        self._started: Future[FakeServer] = Future()
        self._ended: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="fake-server", daemon=True)

    def __enter__(self) -> ServerInThread:
        self._thread.start()
        self._started.result(_PATIENCE_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(_PATIENCE_S)

    def tenant(self, name: str) -> TenantInThread:
        """One of several tenants. Raises `UnknownTenant`, a `ValueError`."""
        self.running.tenant(name)
        return TenantInThread(self, name)

    def heal(self) -> None:
        """Take every lever of all tenants back, and wait until that is done."""
        levers = self.call(lambda server: server.pulled)
        self.call(lambda server: server.heal())
        for lever in levers:
            LeverInThread(self, lever).settle()

    def call(self, act: Callable[[FakeServer], T]) -> T:
        """Do this on the server's own thread, and wait for what comes of it."""

        async def called(server: FakeServer) -> T:
            return act(server)

        return self.wait(called)

    def wait(self, act: Callable[[FakeServer], Awaitable[T]]) -> T:
        """The same for what has to be awaited there."""

        async def awaited() -> T:
            return await act(self.running)

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(_PATIENCE_S)

    @property
    def running(self) -> FakeServer:
        """The server itself, which belongs to its own thread: see `call`."""
        return self._started.result(0)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = FakeServer(self._config)
        await server.start()
        self._started.set_result(server)
        await self._ended.wait()
        await server.stop()
