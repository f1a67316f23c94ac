"""An asyncio event loop whose time jumps to the next timer and whose network is simulated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from math import inf, ulp
from random import Random
from typing import Any, NoReturn, TypeVar, TypeVarTuple, Unpack, cast
from weakref import WeakKeyDictionary

from harness.entropy import substream
from harness.sim.errors import EscapedSimulation, SimDeadlock, VirtualTimeLimit
from harness.sim.kernel import Kernel, SimTask
from harness.sim.network import SimNetwork
from harness.sim.server import SimServer
from harness.sim.stuck import describe_tasks
from harness.sim.trace import Trace

T = TypeVar("T")
P = TypeVar("P", bound=asyncio.Protocol)
Ts = TypeVarTuple("Ts")

TURNS_AT_ONE_TIME_MAX = 100_000
"""A program that turns so often while time stands still spins for ever."""

CLOCK_RESOLUTION_S = 1e-9

REAL_IO = (
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_datagram_endpoint",
    "create_unix_connection",
    "create_unix_server",
    "getnameinfo",
    "remove_reader",
    "remove_signal_handler",
    "remove_writer",
    "sendfile",
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendfile",
    "sock_sendto",
    "start_tls",
    "subprocess_exec",
    "subprocess_shell",
)
"""Methods of an event loop that have no place in a simulation."""


class _InBirthOrder(WeakKeyDictionary[Any, None]):
    """A weak set in order, for asynchronous generators that are closed at the end."""

    def add(self, key: Any) -> None:
        self[key] = None

    def discard(self, key: Any) -> None:
        self.pop(key, None)


class _Jump:
    """The one seam that CPython's `_run_once` needs: instead of waiting, time jumps."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._turns_at_one_time = 0

    def select(self, timeout_s: float | None) -> tuple[()]:
        self._loop.raise_escape()
        if timeout_s is None:
            raise SimDeadlock(self._loop.stuck("nothing can ever happen"))
        if timeout_s > 0:
            self._turns_at_one_time = 0
            self._loop.jump()
        else:
            self._turns_at_one_time += 1
            if self._turns_at_one_time > TURNS_AT_ONE_TIME_MAX:
                self._turns_at_one_time = 0
                raise SimDeadlock(
                    self._loop.stuck(f"{TURNS_AT_ONE_TIME_MAX} turns while time stands still")
                )
        return ()


class SimLoop(Kernel):
    """CPython's own event loop; only its selector, clock, network and executor are replaced.

    `limit_s` is the virtual time after which `VirtualTimeLimit` is raised; `epoch_s` is what
    `time.time()` shows at the start, in seconds since 1970. `time()` starts at 0, since a large
    number would have no place for nanoseconds.
    """

    def __init__(
        self, seed: int = 0, *, limit_s: float = inf, epoch_s: float = 1_800_000_000.0
    ) -> None:
        super().__init__()
        self.seed = seed
        self.limit_s = limit_s
        self.epoch_s = epoch_s
        self.trace = Trace()
        self.net = SimNetwork(self, self.trace, seed)
        # What `os.urandom` and all that draws from it give while the program runs, and the state
        # of the `random` module; they go on where they stood when the program runs again.
        self.entropy: Random = substream(seed, "sim/entropy")
        self.random_state = substream(seed, "sim/random").getstate()
        self._births = 0
        self._escape: EscapedSimulation | None = None
        self._clock_resolution = CLOCK_RESOLUTION_S
        self._selector = _Jump(self)
        self._asyncgens = _InBirthOrder()
        self.set_task_factory(cast(Any, SimLoop._make_task))

    # Time.

    def jump(self) -> None:
        """Go to the next timer. Raises `VirtualTimeLimit`."""
        next_s = self._scheduled[0].true_s
        if next_s > self.limit_s:
            self.now_s = self.limit_s
            raise VirtualTimeLimit(self.stuck(f"the limit of {self.limit_s:g} s is reached"))
        self.now_s = next_s
        # A resolution that vanishes beside the time would leave due timers waiting.
        self._clock_resolution = max(CLOCK_RESOLUTION_S, 2 * ulp(next_s))

    # Tasks.

    def stuck(self, reason: str) -> str:
        """Say where everything waits."""
        return f"at {self.now_s:.6f} s: {reason}; pending:{describe_tasks(self.pending_tasks())}"

    def _make_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> SimTask:
        """Number the tasks of this loop, so that a replay shows the same names."""
        self._births += 1
        options["name"] = options.get("name") or f"Task-{self._births}"
        return SimTask(coro, loop=self, birth=self._births, **options)

    # The real world.

    def escape(self, call: str, instead: str = "it has no place in a simulation") -> NoReturn:
        """End the simulation, since the program called the real `call`."""
        self._escape = EscapedSimulation(f"at {self.now_s:.6f} s: {call} was called: {instead}")
        raise self._escape

    def raise_escape(self) -> None:
        """Raise what `escape` raised, if the program swallowed it."""
        if self._escape is not None:
            escape, self._escape = self._escape, None
            raise escape

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Call `func` at the next turn, in this thread."""
        future: asyncio.Future[T] = self.create_future()

        def call() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self.call_soon(call)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def _process_events(self, event_list: tuple[()]) -> None:
        """No file descriptor is ever ready."""

    def _write_to_self(self) -> None:
        """Nothing sleeps that had to be woken."""

    # The network.

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """One address for any name. Raises `socket.gaierror`."""
        return await self.net.getaddrinfo(host, port)

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], P],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        **options: Any,
    ) -> tuple[asyncio.Transport, P]:
        """Dial through the simulated network; other options are of the kernel and ignored."""
        self._refuse_options("create_connection", ssl, sock)
        return await self.net.connect(protocol_factory, host, port or 0)

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        host: Any = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        start_serving: bool = True,
        **options: Any,
    ) -> SimServer:
        """Listen on the simulated network; of several hosts the first, since all are one."""
        self._refuse_options("create_server", ssl, sock)
        name = host if isinstance(host, str) or not host else next(iter(host))
        server = self.net.listen(protocol_factory, name, port or 0)
        if start_serving:
            await server.start_serving()
        return server

    def _refuse_options(self, method: str, ssl: Any, sock: Any) -> None:
        if ssl:
            self.escape(f"loop.{method}(ssl=…)", "TLS is not simulated; use ws:// and http://")
        if sock is not None:
            self.escape(f"loop.{method}(sock=…)", "give a host and a port")


def _escape_hatch(method: str) -> Callable[..., NoReturn]:
    def escape(self: SimLoop, *args: Any, **options: Any) -> NoReturn:
        self.escape(f"loop.{method}()")

    return escape


for _method in REAL_IO:
    setattr(SimLoop, _method, _escape_hatch(_method))
