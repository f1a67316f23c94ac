"""Raw WebSockets in a world, a source that never stops, and one fault at a time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from harness.history import Op
from harness.nemesis import FAULTS, Fault, Nemesis
from harness.worlds.world import Env

TOPIC = "realtime:room"
VICTIM, BYSTANDER = "client-0", "client-1"
COHORTS = ((VICTIM,), (BYSTANDER,))
GENEROUS_S = 10.0
"""What must come, comes sooner, even on a machine that has much else to do."""
TICK_S = 0.1
"""Between two messages of the source, and between two heartbeats of a line."""


class Line:
    """One raw WebSocket: what came on it, and how it ended."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.frames: list[dict[str, Any]] = []
        self.garbage = 0
        self.ended = ""
        self._loop = asyncio.get_running_loop()
        self._refs = itertools.count(1)
        self._came: dict[str, tuple[dict[str, Any], float]] = {}
        self._tasks = [asyncio.create_task(self._read())]

    async def _read(self) -> None:
        try:
            async for text in self.ws:
                self._take(text)
        except ConnectionClosed:
            pass
        reason = self.ws.recv_exc
        code = self.ws.protocol.close_rcvd
        reset = isinstance(reason, ConnectionResetError | BrokenPipeError)
        self.ended = f"close {code.code}" if code else ("reset" if reset else "fin")

    def _take(self, text: Any) -> None:
        try:
            frame = json.loads(text)
            str(frame["event"]), frame["payload"], frame["topic"]
        except (ValueError, KeyError, TypeError):
            self.garbage += 1
            return
        self.frames.append(frame)
        if frame["event"] == "phx_reply":
            self._came[str(frame["ref"])] = frame, self._loop.time()

    async def ask(
        self, event: str, payload: Any, topic: str = TOPIC, within_s: float = GENEROUS_S
    ) -> tuple[dict[str, Any], float] | None:
        """The reply's payload and how many seconds it took; None if it did not come."""
        ref, began_s = str(next(self._refs)), self._loop.time()
        message = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": "1"}
        with suppress(ConnectionClosed):
            await self.ws.send(json.dumps(message))
            await until(lambda: ref in self._came or bool(self.ended), within_s)
        if ref not in self._came:
            return None
        frame, at_s = self._came[ref]
        return frame["payload"], at_s - began_s

    async def join(self, within_s: float = GENEROUS_S, **config: Any) -> str | None:
        """The status of the answer to a join."""
        config = {"broadcast": {"ack": True}, **config}
        answer = await self.ask("phx_join", {"config": config}, within_s=within_s)
        return answer[0]["status"] if answer else None

    async def heartbeat_s(self, within_s: float = GENEROUS_S) -> float | None:
        """How long a heartbeat takes; None if it is not answered."""
        answer = await self.ask("heartbeat", {}, topic="phoenix", within_s=within_s)
        return answer[1] if answer else None

    def numbers(self) -> list[int]:
        """The messages of the source, in the order in which they came."""
        return [
            frame["payload"]["payload"]["id"]
            for frame in self.frames
            if frame["event"] == "broadcast" and frame["payload"]["event"] == "n"
        ]

    def events(self) -> list[str]:
        """What has come, by event."""
        return [frame["event"] for frame in self.frames]

    async def hears_within(self, seconds: float) -> int:
        """How many messages of the source come from now on."""
        before = len(self.numbers())
        await asyncio.sleep(seconds)
        return len(self.numbers()) - before

    async def hears(self, within_s: float) -> bool:
        """Whether a message of the source comes; waits no longer than that."""
        before = len(self.numbers())
        return await until(lambda: len(self.numbers()) > before, within_s)

    async def pings(self, within_s: float = 1.0) -> bool:
        """Whether a WebSocket ping is answered."""
        try:
            async with asyncio.timeout(within_s):
                await (await self.ws.ping())
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def chatter(self) -> None:
        """Talk for ever, so that whatever strikes at data finds some."""
        while not self.ended:
            await self.ask("heartbeat", {}, topic="phoenix", within_s=TICK_S)
            await asyncio.sleep(TICK_S)

    async def drop(self) -> None:
        """End it without ceremony."""
        self.ws.transport.abort()
        await asyncio.wait(self._tasks, timeout=5)


class Stage:
    """A victim and a bystander, joined and hearing the source, and a nemesis."""

    def __init__(self, env: Env, fault: Fault) -> None:
        self.env = env
        self.kind = FAULTS[fault.name]
        if self.kind.can_choose:
            fault = Fault(
                fault.name,
                after_s=0,
                for_s=fault.for_s,
                **{**fault.parameters, "clients": [VICTIM]},
            )
        self.fault = fault
        self.ops: list[Op] = []
        self.nemesis = Nemesis(env.levers, self, (VICTIM, BYSTANDER), env.seed)
        self.url = env.url(VICTIM)
        self.victim: Line
        self.bystander: Line

    # What the nemesis writes down.

    def invoke(self, process: str, f: str, value: Any) -> Op:
        """Keep it."""
        self.ops.append(Op(process=process, type="invoke", f=f, value=value))
        return self.ops[-1]

    def complete(self, op: Op, type: Any, error: str | None = None, **more: Any) -> None:
        """Keep it."""
        self.ops.append(Op(process=op.process, type=type, f=op.f, value={**op.value, **more}))

    @property
    def hits(self) -> int:
        """What the server counted, once the fault is over."""
        return max(int(op.value.get("hits", 0)) for op in self.ops)

    # Acts.

    async def line(self, url: str | None = None, within_s: float = GENEROUS_S) -> Line:
        """A new connection of the victim's."""
        ws = await connect(
            (url or self.env.url(VICTIM)).replace("?", "/websocket?"),
            open_timeout=within_s,
            close_timeout=20,
            ping_interval=None,
            max_size=None,
            compression=None,
        )
        return Line(ws)

    async def dial(self, within_s: float = GENEROUS_S, url: str | None = None) -> str:
        """How a connect ends: `ok` or the name of what it raises."""
        try:
            line = await self.line(url, within_s)
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", "")
            return f"{type(error).__name__} {status}".strip()
        await line.drop()
        return "ok"

    async def start(self) -> None:
        """Strike."""
        await self.nemesis.start(self.fault)

    async def heal(self) -> None:
        """Take it back, if it can be."""
        if self.kind.lasts:
            await self.nemesis.heal(self.fault)


@asynccontextmanager
async def stage(env: Env, fault: Fault, talk: bool = True) -> AsyncIterator[Stage]:
    """The stage, set: both lines have joined, and the source publishes."""
    one = Stage(env, fault)
    async with one.nemesis:
        one.victim = await one.line()
        one.bystander = await one.line(env.url(BYSTANDER))
        for line in (one.victim, one.bystander):
            assert await line.join() == "ok"
        background = [asyncio.create_task(_publish(env))]
        if talk:
            background.append(asyncio.create_task(one.victim.chatter()))
        try:
            assert await one.victim.hears(GENEROUS_S), "the stage was never set"
            yield one
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            for line in (one.victim, one.bystander):
                await line.drop()


async def until(holds: Callable[[], bool], within_s: float) -> bool:
    """Wait for it, looking often; whether it came true."""
    for _ in range(round(within_s / 0.02)):
        if holds():
            return True
        await asyncio.sleep(0.02)
    return holds()


async def _publish(env: Env) -> None:
    for number in itertools.count(1):
        env.levers.server.publish("room", "n", {"id": number})
        await asyncio.sleep(TICK_S)


Effect = Callable[[Stage], Awaitable[None]]
