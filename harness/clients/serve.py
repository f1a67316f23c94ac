"""`python -m harness.clients.serve NAME`: any Python client as a program that speaks JSON lines.

The other end is `harness.clients.program`. Besides the calls of the contract it knows some that
strike the process itself: `block` stops the loop for `seconds`, `slow_callbacks` makes each
callback of a message take `seconds` (0 ends that), `raise_in_callbacks` makes the next `count`
callbacks of an `event` raise (null is all of them, 0 ends that), `reenter_callbacks` makes the next
of them call the client (`times` has a list of calls for each; they are told with ids below 0),
`clock_jump` sets the loop's clock wrong by `by_s`, `clock_drift` lets it run `factor` times as fast
(1 ends that), and `wall_clock_jump` sets what `time.time()` shows wrong by `by_s`. `cancel` cancels
the call of that `id`, which is then not answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from random import Random
from typing import Any

from harness.clients.callbacks import Callbacks
from harness.clients.contract import Client, Maker
from harness.clients.registry import UnknownClient, load_client
from harness.clients.skewed import SkewedLoop
from harness.clients.wall import WallClock
from harness.history import Op

LINE_BYTES_MAX = 1 << 20


class Server:
    """One client behind two pipes."""

    def __init__(
        self, maker: Maker, wall: WallClock, say: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._maker = maker
        self._wall = wall
        self._say = say
        self._client: Client | None = None
        self._endpoint = "", ""
        self._callbacks = Callbacks(time.sleep, self._call)
        self._own_ids = itertools.count(-1, -1)
        self._tasks: dict[int | None, asyncio.Task[None]] = {}
        self._acts: Mapping[str, Callable[[Op], Awaitable[Op]]] = {
            "open": self._open,
            "close": self._close,
            "block": self._block,
            "slow_callbacks": self._slow_callbacks,
            "raise_in_callbacks": self._raise_in_callbacks,
            "reenter_callbacks": self._reenter_callbacks,
            "cancel": self._cancel,
            "clock_jump": self._clock_jump,
            "clock_drift": self._clock_drift,
            "wall_clock_jump": self._wall_clock_jump,
        }
        self.ended = asyncio.Event()

    def take(self, line: str) -> None:
        """Begin a call; they run side by side, as those of an application do."""
        self._begin(Op(**json.loads(line)))

    def _begin(self, op: Op) -> None:
        task = self._tasks[op.id] = asyncio.create_task(self._answer(op))
        task.add_done_callback(lambda done: self._tasks.pop(op.id, None))

    async def _answer(self, op: Op) -> None:
        try:
            done = await self._acts.get(op.f, self._invoke)(op)
        except Exception as error:
            self._tell(op, "info", f"{type(error).__name__}: {error}")
        else:
            self._tell(op, done.type, done.error)
        if op.f == "close" and not _is_own(op):
            self.ended.set()

    def _tell(self, op: Op, type: str, error: str | None) -> None:
        self._say({"id": op.id, "process": op.process, "type": type, "f": op.f, "error": error})

    async def _open(self, op: Op) -> Op:
        if self._client is None:
            self._client = self._maker(Random(op.value["seed"]))
            self._client.on_event(self._event)
            self._endpoint = op.value["url"], op.value["name"]
        await self._client.open(*self._endpoint)
        return _ok(op)

    async def _invoke(self, op: Op) -> Op:
        assert self._client is not None, "the first call must be open"
        return await self._client.invoke(op)

    async def _close(self, op: Op) -> Op:
        if self._client:
            await self._client.close()
        return _ok(op)

    async def _block(self, op: Op) -> Op:
        # Answered before it strikes: whoever asked must not wait for it.
        asyncio.get_running_loop().call_later(0.01, time.sleep, op.value["seconds"])
        return _ok(op)

    async def _slow_callbacks(self, op: Op) -> Op:
        self._callbacks.slow(op.value["seconds"])
        return _ok(op)

    async def _raise_in_callbacks(self, op: Op) -> Op:
        self._callbacks.raising(op.value["event"], op.value["count"])
        return _ok(op)

    async def _reenter_callbacks(self, op: Op) -> Op:
        self._callbacks.reentering(op.value["event"], op.value["times"])
        return _ok(op)

    async def _cancel(self, op: Op) -> Op:
        if task := self._tasks.get(op.value["id"]):
            task.cancel()
        return _ok(op)

    async def _clock_jump(self, op: Op) -> Op:
        _skewed().jump(op.value["by_s"])
        return _ok(op)

    async def _clock_drift(self, op: Op) -> Op:
        _skewed().drift(op.value["factor"])
        return _ok(op)

    async def _wall_clock_jump(self, op: Op) -> Op:
        self._wall.jump(op.value["by_s"])
        return _ok(op)

    def _event(self, op: Op) -> None:
        self._say({key: value for key, value in asdict(op).items() if key != "time_s"})
        self._callbacks.happen(op)

    def _call(self, f: str, value: Mapping[str, Any]) -> None:
        """Make a call of the program's own, and say so first; a token is nobody else's business."""
        process, number = self._endpoint[1], next(self._own_ids)
        told = {key: one for key, one in value.items() if key != "token"}
        self._say({"id": number, "process": process, "type": "invoke", "f": f, "value": told})
        self._begin(Op(process=process, type="invoke", f=f, value=value, id=number))


def _is_own(op: Op) -> bool:
    """Whether the program makes this call by itself, and was not asked to."""
    return op.id is not None and op.id < 0


def _skewed() -> SkewedLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkewedLoop), "it was served by another loop"
    return loop


def _ok(op: Op) -> Op:
    return Op(process=op.process, type="ok", f=op.f, id=op.id)


async def serve(maker: Maker, wall: WallClock) -> None:
    """Serve calls from standard input until `close`, or until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def say(fields: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()

    server = Server(maker, wall, say)
    ended = asyncio.create_task(server.ended.wait())
    while not ended.done():
        line = asyncio.create_task(reader.readline())
        await asyncio.wait([line, ended], return_when=asyncio.FIRST_COMPLETED)
        if not line.done() or not line.result():
            break
        server.take(line.result().decode())


def main(arguments: list[str]) -> None:
    """The command."""
    if len(arguments) != 1:
        sys.exit("usage: python -m harness.clients.serve NAME")
    wall = WallClock()
    wall.install()
    try:
        maker = load_client(arguments[0])
    except UnknownClient as error:
        sys.exit(str(error))
    with asyncio.Runner(loop_factory=SkewedLoop) as runner:
        runner.run(serve(maker, wall))


if __name__ == "__main__":
    main(sys.argv[1:])
