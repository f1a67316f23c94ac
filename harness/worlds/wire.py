"""The wire world: real time, real sockets, every client behind a Toxiproxy."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar, get_args

from harness.entropy import substream
from harness.nemesis import CannotExpress, Held, Levers, Server, Stream, Victims
from harness.toxiproxy.choice import Choice, Embedded, Running
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import ToxiproxyError, Unreachable
from harness.toxiproxy.client_proxy import Proxy
from harness.toxiproxy.off_loop import within
from harness.toxiproxy.opened import Opened, opened
from harness.worlds.real_loop import RealLoop
from harness.worlds.roads import Roads
from harness.worlds.ways import Ways
from harness.worlds.world import Cohorts, Env, Narrator, ServerMaker, Story, WorldFailed

T = TypeVar("T")

LONGEST_STORY_S = 60.0
"""A longer story is told only when it is asked for (`--long`)."""

LOOK_EVERY_S = 0.25
"""How often a story looks whether its Toxiproxy is still there."""

RESET_LASTS_S = 0.75
"""`reset_peer` strikes at the next data; the source's period is shorter than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Where things listen and how they reach each other; loopback unless told otherwise."""

    bind: str = "127.0.0.1"
    """The address that each run's server binds."""
    advertise: str = "127.0.0.1"
    """The name by which the Toxiproxy reaches that server."""
    proxy: str = "127.0.0.1"
    """The name by which a client reaches the Toxiproxy."""

    @property
    def listen(self) -> str:
        """The address that a proxy binds on the Toxiproxy's machine."""
        return "127.0.0.1" if is_loopback(self.proxy) else "0.0.0.0"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WireWorld:
    """Runs stories side by side on one real event loop, each with a server and a proxy of its own.

    `toxiproxy` says behind which; all are spoken to over their HTTP API. One that does not answer
    is given up for all stories at once, so that each of them does not wait for it anew.
    """

    name = "wire"

    def __init__(
        self,
        make_server: ServerMaker,
        *,
        toxiproxy: Choice | None = None,
        hosts: Hosts | None = None,
        story_s_max: float = LONGEST_STORY_S,
    ) -> None:
        self.story_s_max = story_s_max
        self._make_server = make_server
        self._choice = toxiproxy or Embedded()
        self._hosts = hosts or Hosts(
            proxy=self._choice.host if isinstance(self._choice, Running) else "127.0.0.1"
        )
        self._token = secrets.token_hex(3)
        self._numbers = itertools.count(1)
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._opened: Opened | ToxiproxyError | None = None
        self._loop: RealLoop | None = None

    def versions(self) -> Mapping[str, str]:
        """Which Toxiproxy, and its version."""
        with self._lock:
            opened = self._open()
        return {"toxiproxy": opened.words if isinstance(opened, Opened) else "unreachable"}

    def play(self, story: Story[T], seed: int, narrate: Narrator, cohorts: Cohorts = ()) -> T:
        """Run a story in real time; several threads may each play one."""
        loop, opened = self._start()
        try:
            return loop.play(self._main(opened, story, seed, narrate, cohorts))
        except Unreachable as error:
            raise WorldFailed(_gone(opened, error)) from None

    def close(self) -> None:
        """Cancel what runs, stop the loop, end the embedded Toxiproxy."""
        with self._lock:
            self._stack.close()
            self._opened = self._loop = None

    def _start(self) -> tuple[RealLoop, Opened]:
        with self._lock:
            opened = self._open()
            if not isinstance(opened, Opened):
                raise WorldFailed(str(opened))
            if self._loop is None:
                self._loop = RealLoop("squall-wire")
                self._stack.callback(self._loop.close)
            return self._loop, opened

    def _open(self) -> Opened | ToxiproxyError:
        """The Toxiproxy, or why there is none."""
        if self._opened is None:
            try:
                self._opened = self._stack.enter_context(opened(self._choice))
            except ToxiproxyError as error:
                self._opened = error
        return self._opened

    async def _main(
        self,
        opened: Opened,
        story: Story[T],
        seed: int,
        narrate: Narrator,
        cohorts: Cohorts,
    ) -> T:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        server = self._make_server(
            lambda f, value: narrate("server", f, value), time.time, substream(seed, "server")
        )
        ways = Ways(f"squall-{self._token}-{next(self._numbers)}", cohorts)
        await server.start(self._hosts.bind, 0)
        try:
            async with within(self._lend(opened.client, server, ways)) as proxies:
                roads = Roads(ways, server, self._reached(proxies), narrate)
                levers = Levers(ToxiproxyNetwork(proxies, ways, server, roads), server)
                with roads.known():
                    env = Env(
                        levers, roads.url, lambda: loop.time() - began_s, seed, roads.program_url
                    )
                    return await while_it_runs(opened.runs, story(env))
        finally:
            await server.stop()

    def _reached(self, proxies: Mapping[str, Proxy]) -> dict[str, tuple[str, int]]:
        """Where clients reach each way."""
        return {
            name: (self._hosts.proxy, int(proxy.listen.rpartition(":")[2]))
            for name, proxy in proxies.items()
        }

    @contextmanager
    def _lend(
        self, toxiproxy: Toxiproxy, server: Server, ways: Ways
    ) -> Iterator[Mapping[str, Proxy]]:
        """Proxies of its own for one story, by the names of its ways."""
        upstream = f"{self._hosts.advertise}:{server.port}"
        listen = f"{self._hosts.listen}:0"
        with ExitStack() as stack:
            try:
                proxies = {
                    name: stack.enter_context(toxiproxy.temporary_proxy(name, upstream, listen))
                    for name in ways.all()
                }
            except Unreachable:
                raise
            except ToxiproxyError as error:
                raise WorldFailed(f"the Toxiproxy would not make a proxy: {error}") from None
            yield proxies


async def while_it_runs(runs: Callable[[], bool], story: Coroutine[Any, Any, T]) -> T:
    """Tell a story, but not on without its Toxiproxy. Raises `Unreachable` when that has ended."""
    telling = asyncio.ensure_future(story)
    try:
        while runs():
            done, _ = await asyncio.wait([telling], timeout=LOOK_EVERY_S)
            if done:
                return telling.result()
        raise Unreachable("its process is gone")
    finally:
        telling.cancel()
        await asyncio.wait([telling])


def _gone(opened: Opened, error: Unreachable) -> str:
    if not opened.runs():
        return (
            f"the Toxiproxy ({opened.words}) ended during the run, so nothing here can be judged; "
            "run it again, and if it ends again see what kills it: often there is too little memory"
        )
    return (
        f"the Toxiproxy ({opened.words}) answers no more, so nothing here can be judged ({error}); "
        "see whether it still runs, and run it again"
    )


class ToxiproxyNetwork:
    """The network levers, by what Toxiproxy can do; `toxiproxy.md` §2."""

    def __init__(
        self, proxies: Mapping[str, Proxy], ways: Ways, server: Server, roads: Roads
    ) -> None:
        self._proxies = proxies
        self._ways = ways
        self._server = server
        self._roads = roads
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def toxic(
        self, victims: Victims, stream: Stream, type: str, attributes: Mapping[str, int]
    ) -> AsyncIterator[None]:
        """The toxic itself, on the proxy of each victim."""
        name = f"{type}-{next(self._numbers)}"
        async with AsyncExitStack() as stack:
            for proxy in self._of(victims):
                await stack.enter_async_context(within(proxy.toxic(type, stream, attributes, name)))
            yield

    @asynccontextmanager
    async def hole(self, victims: Victims, *, up: bool, down: bool) -> AsyncIterator[None]:
        """`timeout 0`. Taking it back closes the connections that it starved."""
        async with AsyncExitStack() as stack:
            ways: dict[Stream, bool] = {"upstream": up, "downstream": down}
            for stream in (one for one, vanishes in ways.items() if vanishes):
                await stack.enter_async_context(
                    self.toxic(victims, stream, "timeout", {"timeout": 0})
                )
            yield

    @asynccontextmanager
    async def refuse(self, victims: Victims) -> AsyncIterator[None]:
        """A disabled proxy: connections end, connects are refused."""
        async with AsyncExitStack() as stack:
            for proxy in self._of(victims):
                await stack.enter_async_context(within(proxy.down()))
            yield

    def lose(self, victims: Victims, share: float) -> Held:
        """A proxy sees streams, from which TCP has mended the losses already."""
        raise CannotExpress("a proxy sees no packets")

    def dns_failure(self, victims: Victims) -> Held:
        """The loop that the clients run on resolves nothing."""
        return self._roads.dns_failure(victims)

    def stall_connects(self, victims: Victims) -> Held:
        """By the loop: the kernel completes a connect before any proxy hears of it."""
        return self._roads.stall_connects(victims)

    async def rst(self, victims: Victims) -> None:
        """`reset_peer` both ways, for long enough that the next data meets it."""
        async with AsyncExitStack() as stack:
            for stream in get_args(Stream):
                await stack.enter_async_context(
                    self.toxic(victims, stream, "reset_peer", {"timeout": 0})
                )
            await asyncio.sleep(RESET_LASTS_S)

    async def fin(self, victims: Victims) -> None:
        """A proxy that is disabled closes what it has; at once it listens again."""
        async with self.refuse(victims):
            pass

    async def dead_flow(self, victims: Victims) -> None:
        """No toxic can tell live connections from new ones, so the server freezes them."""
        for scope in [{}] if victims is None else [{"client": one} for one in victims]:
            self._server.pull("freeze_live", **scope)

    def _of(self, victims: Victims) -> list[Proxy]:
        names = self._ways.names(victims)
        return [self._proxies[name] for name in (self._ways.all() if names is None else names)]
