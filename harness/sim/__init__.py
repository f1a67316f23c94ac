"""Deterministic simulation: virtual time and seeded TCP under unmodified asyncio programs.

`run(main, seed=7)` runs a coroutine on a `SimLoop`. Time jumps to the next timer when all are
blocked, so production constants (25 s heartbeats, 1 h tokens) are tested as they are; the network
is simulated below `create_connection` and `create_server`, so that `websockets`, `realtime`, a
server and the client under test run as they are. Each of several `Host`s in one loop can stand
still, die, or have a clock that is wrong, as a process can. The same seed gives the same bytes on
the wire at the same times, on the same minor version of Python and of the libraries.

What it does not show:

* Interleavings of tasks other than asyncio's own first-in, first-out order. Only the latency of
  the network, which the seed draws, changes who comes first.
* The kernel. A loss is a retransmission's delay, never a missing byte; there is no congestion
  control; a socket buffers `BUFFER_BYTES` a direction, where Linux grows to megabytes; each write
  arrives as it was written (up to `SEGMENT_BYTES_MAX`), never merged with the next. An
  acknowledgement takes no time, but a cut of the way back loses it.
* A blocking call inside a callback. No virtual time passes in one: a host that is blocked (`Host`)
  stands still from the end of that callback on, for as long as all its calls take together. A host
  that stands still in the middle of a connect goes on with it afterwards.
* Retransmission after a cut. A stream that lost bytes to a cut is reset when it heals; real TCP
  would resume a stream that had waited for less than its patience.
* TLS, UDP, Unix sockets, pipes, signals, child processes, threads: each raises `EscapedSimulation`.
* What C code reads by itself: `datetime.now()` shows the real clock, and a `set` of strings
  iterates by `PYTHONHASHSEED`. (Sets of tasks are in order: a simulated task hashes by its birth.)
"""

from harness.sim.clock import WrongClock
from harness.sim.determinism import deterministic
from harness.sim.errors import EscapedSimulation, SimDeadlock, VirtualTimeLimit
from harness.sim.host import Host
from harness.sim.loop import SimLoop
from harness.sim.network import SimNetwork
from harness.sim.run import run
from harness.sim.wall import wall_clocks
from harness.sim.way import Link

__all__ = [
    "EscapedSimulation",
    "Host",
    "Link",
    "SimDeadlock",
    "SimLoop",
    "SimNetwork",
    "VirtualTimeLimit",
    "WrongClock",
    "deterministic",
    "run",
    "wall_clocks",
]
