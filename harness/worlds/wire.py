"""The wire world: real time, real sockets, every client behind a Toxiproxy."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar

from harness.entropy import substream
from harness.nemesis import Heal, Levers, Server
from harness.toxiproxy.choice import Choice, Embedded, Running
from harness.toxiproxy.client import Toxiproxy
from harness.toxiproxy.client_errors import ToxiproxyError
from harness.toxiproxy.client_proxy import Proxy
from harness.toxiproxy.off_loop import off_loop, within
from harness.toxiproxy.opened import Opened, opened
from harness.worlds.lag import LagWatch
from harness.worlds.world import Env, Narrator, ServerMaker, Story, WorldFailed

T = TypeVar("T")

LONGEST_STORY_S = 60.0
"""A longer story is told only when it is asked for (`--long`)."""

STOP_WITHIN_S = 15.0
"""How long stories may take to heal and clean up when the run is ended."""

RESET_LASTS_S = 0.75
"""`reset_peer` strikes at the next data; the source's period is shorter than this."""

_log = logging.getLogger(__name__)


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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._playing: dict[Future[Any], None] = {}
        self._lag = LagWatch()

    def versions(self) -> Mapping[str, str]:
        """Which Toxiproxy, and its version."""
        with self._lock:
            opened = self._open()
        return {"toxiproxy": opened.words if isinstance(opened, Opened) else "unreachable"}

    def play(self, story: Story[T], seed: int, narrate: Narrator) -> T:
        """Run a story in real time; several threads may each play one."""
        loop, toxiproxy = self._start()
        playing = asyncio.run_coroutine_threadsafe(
            self._main(toxiproxy, story, seed, narrate), loop
        )
        self._playing[playing] = None
        try:
            return playing.result()
        except CancelledError:
            raise WorldFailed("the run was ended before this story was") from None
        finally:
            self._playing.pop(playing, None)

    def close(self) -> None:
        """Cancel what runs, stop the loop, end the embedded Toxiproxy."""
        with self._lock:
            self._stack.close()
            self._opened = self._loop = None
            # A client may refuse to be cancelled; who waits for its story must not wait for ever.
            for playing in list(self._playing):
                playing.cancel()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, Toxiproxy]:
        with self._lock:
            opened = self._open()
            if not isinstance(opened, Opened):
                raise WorldFailed(str(opened))
            if self._loop is None:
                self._loop = self._start_loop()
            return self._loop, opened.client

    def _open(self) -> Opened | ToxiproxyError:
        """The Toxiproxy, or why there is none."""
        if self._opened is None:
            try:
                self._opened = self._stack.enter_context(opened(self._choice))
            except ToxiproxyError as error:
                self._opened = error
        return self._opened

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(_log_unhandled)
        thread = threading.Thread(target=loop.run_forever, name="squall-wire", daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(self._lag.watch(), loop)

        def stop() -> None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
            thread.join(timeout=STOP_WITHIN_S + 5)
            if not thread.is_alive():
                loop.close()

        self._stack.callback(stop)
        return loop

    async def _main(self, toxiproxy: Toxiproxy, story: Story[T], seed: int, narrate: Narrator) -> T:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        server = self._make_server(
            lambda f, value: narrate("server", f, value), time.time, substream(seed, "server")
        )
        await server.start(self._hosts.bind, 0)
        try:
            async with within(self._lend(toxiproxy, server)) as proxy:
                base = f"ws://{self._hosts.proxy}:{proxy.listen.rpartition(':')[2]}/realtime/v1"
                levers = Levers(ToxiproxyNetwork(proxy, server), server)
                told = await story(
                    Env(
                        levers,
                        lambda client: f"{base}?apikey={server.key(client)}",
                        lambda: loop.time() - began_s,
                        seed,
                    )
                )
                self._refuse_stalls(began_s)
                return told
        finally:
            await server.stop()

    def _refuse_stalls(self, began_s: float) -> None:
        stall_s = self._lag.worst_since(began_s)
        if stall_s is not None:
            raise WorldFailed(
                f"the real loop stood still for {stall_s:.1f} s, so its clock proves nothing: "
                "a client blocks it (run that one alone), or the machine is overloaded"
            )

    @contextmanager
    def _lend(self, toxiproxy: Toxiproxy, server: Server) -> Iterator[Proxy]:
        """A proxy of its own for one story."""
        name = f"squall-{self._token}-{next(self._numbers)}"
        upstream = f"{self._hosts.advertise}:{server.port}"
        with ExitStack() as stack:
            try:
                proxy = stack.enter_context(
                    toxiproxy.temporary_proxy(name, upstream, f"{self._hosts.listen}:0")
                )
            except ToxiproxyError as error:
                raise WorldFailed(f"the Toxiproxy would not make a proxy: {error}") from None
            yield proxy


class ToxiproxyNetwork:
    """The network levers, by what Toxiproxy can do; `toxiproxy.md` §2."""

    def __init__(self, proxy: Proxy, server: Server) -> None:
        self._proxy = proxy
        self._server = server

    async def cut(self) -> Heal:
        """`timeout 0` both ways. Taking it back closes the connections that it starved."""
        await self._add("cut_up", "timeout", "upstream", {"timeout": 0})
        await self._add("cut_down", "timeout", "downstream", {"timeout": 0})
        return self._removing("cut_up", "cut_down")

    async def refuse(self) -> Heal:
        """A disabled proxy: connections end, connects are refused."""
        await off_loop(self._proxy.disable)

        async def heal() -> None:
            await off_loop(self._proxy.enable)

        return heal

    async def reset(self) -> None:
        """`reset_peer` both ways, for long enough that the next data meets it."""
        await self._add("reset_up", "reset_peer", "upstream", {"timeout": 0})
        await self._add("reset_down", "reset_peer", "downstream", {"timeout": 0})
        await asyncio.sleep(RESET_LASTS_S)
        await self._removing("reset_up", "reset_down")()

    async def silence_live(self) -> None:
        """No toxic can tell live connections from new ones, so the server freezes them."""
        self._server.freeze_live()

    async def slow(self, latency_s: float, jitter_s: float, bytes_per_s: float | None) -> Heal:
        """`latency`, and `bandwidth` where a limit is given, on the way down."""
        latency = {"latency": round(latency_s * 1000), "jitter": round(jitter_s * 1000)}
        await self._add("slow_latency", "latency", "downstream", latency)
        if bytes_per_s is None:
            return self._removing("slow_latency")
        rate = {"rate": round(bytes_per_s / 1000)}
        await self._add("slow_bandwidth", "bandwidth", "downstream", rate)
        return self._removing("slow_latency", "slow_bandwidth")

    async def _add(self, name: str, type: str, stream: str, attributes: dict[str, Any]) -> None:
        await off_loop(
            self._proxy.add_toxic, type=type, stream=stream, attributes=attributes, name=name
        )

    def _removing(self, *names: str) -> Heal:
        async def heal() -> None:
            for name in names:
                await off_loop(self._proxy.remove_toxic, name)

        return heal


async def _cancel_all() -> None:
    """Cancel every task, wait for their clean-up within a bound, stop the loop."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
    loop.call_soon(loop.stop)


def _log_unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A client under test may let its own tasks die; the history shows what came of it.
    _log.debug("unhandled in the loop: %s", context.get("message"))
