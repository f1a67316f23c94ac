"""Plays a case again, in real time, and writes down what happened as the recordings do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from harness.toxiproxy.client import Toxiproxy
from tests.stories.child import Child, OnLine
from tests.stories.publisher import Publisher, Rest
from tests.stories.scene import BOOT_S, Scene, joined, setting
from tests.stories.script import NO_HANDLER, Script, Step
from tests.stories.summary import judged, summarised
from tests.stories.timing import at_s, begin_fraction, broadcast_phase_s, row_phase_s, upgrade_s
from tests.stories.transcript import Line, Transcript

PROBE_BEFORE_END_S = 4.3
"""When topics are probed that no step of the script names."""
LOOK_S = 0.02
_CALLS = {"new_channel": "new", "subscribe": "sub", "unsubscribe": "unsub"}
"""What the drivers call what the scripts call otherwise."""
_LONG = (("server", "start"), ("publisher", "probe"), ("publisher", "burst"))
"""The steps that take their time, while the script goes on."""


class StepFailed(RuntimeError):
    """A step that could not be done: says which and why."""


class Player:
    """Plays one case; times are seconds since its client's `connect`."""

    def __init__(
        self,
        script: Script,
        recorded: Transcript,
        toxiproxy: Toxiproxy,
        starts: asyncio.Semaphore,
    ) -> None:
        self._script = script
        self._recorded = recorded
        self._starts = starts
        self._toxiproxy = toxiproxy
        self._lines: list[Line] = []
        self._began_s = 0.0
        self._scene: Scene
        self._child: Child
        self._twin: Child | None = None
        self._publisher: Publisher
        self._doing: dict[asyncio.Task[None], None] = {}
        self._private: set[str] = set()
        self._probed: set[str] = set()

    async def play(self) -> Transcript:
        """The transcript. Raises `StepFailed`, `ChildFailed`, `ToxiproxyError`."""
        async with AsyncExitStack() as stack:
            async with self._starts:
                await self._prepare(stack)
            fraction = begin_fraction(self._script, self._recorded)
            if fraction is not None:
                await asyncio.sleep((fraction - time.time()) % 1)
            self._begin()
            await self._act()
        lines = tuple(sorted(self._lines, key=lambda line: line.t))
        summary = summarised(self._script, lines, self._publisher, self._scene.relay)
        return Transcript(lines, summary)

    async def _prepare(self, stack: AsyncExitStack) -> None:
        self._scene = await stack.enter_async_context(
            setting(self._toxiproxy, self._script.name, upgrade_s(self._recorded), self._tell)
        )
        client, scene = self._script.client, self._scene
        self._child = await self._start_child(stack, client, scene.url, self._hear)
        if any(step.on == "server" for step in (*self._script.before, *self._script.steps)):
            # What the server does to all was recorded with both clients on it.
            other = "py" if client == "js" else "js"
            self._twin = await self._start_child(stack, other, scene.server.url, lambda *_: None)
        rest = Rest(self._scene.server.port, self._scene.service_key)
        stack.callback(rest.close)
        self._publisher = Publisher(rest, self._scene.insert_row, self._now_s)
        stack.push_async_callback(self._stop)
        for step in self._script.before:
            if step.on != "client":
                await self._do(step)

    async def _start_child(
        self, stack: AsyncExitStack, client: str, url: str, on_line: OnLine
    ) -> Child:
        child = await Child.start(client, on_line)
        stack.push_async_callback(child.kill)
        no_handler = any(NO_HANDLER in (step.do, *step.what) for step in self._script.before)
        options: dict[str, Any] = {"no_handler": no_handler} if client == "js" else {}
        child.do("open", url=url, apikey=self._scene.server.apikey, **options)
        await child.ready()
        return child

    def _begin(self) -> None:
        self._began_s = time.time()
        # What was said before counts as said at the beginning.
        self._lines = [Line(min(line.t, 0.0), *_rest(line)) for line in self._lines]
        what = {"client": self._script.client, "case": self._script.case}
        self._tell("app", "case", what)
        script, recorded, publisher = self._script, self._recorded, self._publisher
        if (period_s := script.broadcast_every_s) is not None:
            self._spawn(publisher.broadcast_every(period_s, broadcast_phase_s(script, recorded)))
        if (period_s := script.row_every_s) is not None:
            self._spawn(publisher.insert_every(period_s, row_phase_s(script, recorded)))

    async def _act(self) -> None:
        self._spawn(self._probe_the_rest())
        timed = [(at_s(step, self._recorded), step) for step in self._script.steps]
        for when_s, step in sorted(timed, key=lambda each: each[0]):
            await asyncio.sleep(self._began_s + when_s - time.time())
            self._raise_failures()
            if step.on == "client":
                self._command(step)
            elif (step.on, step.do) in _LONG:
                self._spawn(self._do(step))
            else:
                # What comes next in the script was done when this had been done.
                await self._do(step)
        code = await self._child.ended()
        self._raise_failures()
        self._tell("client", "process ended", {"rc": code})

    async def _stop(self) -> None:
        for task in list(self._doing):
            task.cancel()
        if self._doing:
            await asyncio.wait(list(self._doing))

    # Steps.

    def _command(self, step: Step) -> None:
        """Hand a step of the client over, and to the other client too where there is one."""
        if step.do in ("new_channel", "resubscribe_at_once"):
            if step.what.get("private"):
                self._private.add(step["topic"])
            self._publisher.add_topic(step["topic"], step["topic"] in self._private)
        name, options = self._call(step)
        self._child.do(name, **options)
        if self._twin is not None:
            if "topic" in options:
                options = {**options, "topic": _twin_topic(options["topic"])}
            self._twin.do(name, **options)

    def _call(self, step: Step) -> tuple[str, dict[str, Any]]:
        what = step.what
        match step.do:
            case "new_channel":
                private = bool(what.get("private"))
                channel = {"id": what["id"], "topic": what["topic"], "pg": what.get("pg") or []}
                presence = bool(what.get("presence"))
                return "new", {**channel, "presence": presence, "private": private}
            case "resubscribe_at_once":
                wait = bool(what["wait"])
                return "quick", {"topic": what["topic"], "pg": what.get("pg") or [], "wait": wait}
            case "set_auth":
                return "set_auth", {"token": self._token(step)}
            case "track":
                state = what.get("state") or what.get("payload") or {"online": True}
                return "track", {"id": what["id"], "state": state}
            case "raise_in_next_callback":
                return "raise_next", {"kind": what["kind"]}
            case "send":
                return "send", {"id": what["id"], "n": round(self._began_s * 1000)}
            case do:
                options = {"id": what["id"]} if "id" in what else {}
                return _CALLS.get(do, do), options

    def _token(self, step: Step) -> str:
        expires_at_s = step.what.get("token_expires_at_s")
        return self._scene.token(
            step["token_lifetime_s"] if expires_at_s is None else expires_at_s - step.at_s
        )

    async def _do(self, step: Step) -> None:
        scene = self._scene
        acts: dict[tuple[str, str], Callable[[], Awaitable[None]]] = {
            ("proxy", "add_toxic"): lambda: scene.add_toxic(
                step["type"], step["stream"], step["attributes"]
            ),
            ("proxy", "remove_toxic"): lambda: scene.remove_toxic(step["type"], step["stream"]),
            ("proxy", "disable"): scene.disable,
            ("proxy", "enable"): scene.enable,
            ("server", "tenant_set"): lambda: scene.tenant_set(**step.what),
            ("server", "tenant_reload"): scene.tenant_reload,
            ("server", "signal"): lambda: scene.signal(step["signal"]),
            ("server", "start"): lambda: self._start_server(step),
            ("upstream", "close_connections"): self._close_connections,
            ("upstream", "accept_then_close"): lambda: self._accept_then_close(step),
            ("publisher", "probe"): lambda: self._probe(step["topic"]),
            ("publisher", "burst"): lambda: self._burst(step),
        }
        try:
            await acts[step.on, step.do]()
        except Exception as error:
            where = f"{self._script.name}: step at {step.at_s:g} s ({step.on} {step.do})"
            raise StepFailed(f"{where}: {type(error).__name__}: {error}") from error

    async def _start_server(self, step: Step) -> None:
        """The real server answers a while after its start; a script says when, by its heal."""
        healed_s = self._script.healed_s or 0.0
        listens_s = healed_s if healed_s > step.at_s else step.at_s + BOOT_S
        await asyncio.sleep(self._began_s + listens_s - time.time())
        await self._scene.start()

    async def _close_connections(self) -> None:
        self._scene.relay.close_connections()
        self._tell("fault", "connections closed", None)

    async def _accept_then_close(self, step: Step) -> None:
        self._scene.relay.accept_then_close(step["until_s"] - self._now_s())
        self._tell("fault", "accept, then close", {"until_s": step["until_s"]})

    async def _probe(self, topic: str) -> None:
        self._probed.add(topic)
        number = round(self._began_s * 1000)
        status = await self._publisher.probe(topic, number)
        self._tell("probe", "final probe sent", {"topic": topic, "n": number, "status": status})

    async def _probe_the_rest(self) -> None:
        """Probe what no step probes: the recordings of many channels did so without saying it."""
        named = {step["topic"] for step in self._script.steps if step.do == "probe"}
        last = [step.at_s for step in self._script.steps if step.do in ("send", "close")]
        await asyncio.sleep(self._began_s + min(last) - PROBE_BEFORE_END_S - time.time())
        for topic in list(self._publisher.topics):
            if topic not in named:
                await self._probe(topic)

    async def _burst(self, step: Step) -> None:
        """Another client floods every topic until the judged channel is cut off."""
        topics = [*self._publisher.topics]
        if self._twin is not None:
            topics += [_twin_topic(topic) for topic in topics]
        until_s = self._now_s() + step["at_most_s"]
        sent, period_s, next_s = 0, 1 / step["broadcasts_per_s"], self._now_s()
        async with joined(self._scene.server, *topics) as socket:
            while self._now_s() < until_s and not self._cut_off():
                for topic in topics:
                    await socket.send(_flood(topic, sent))
                    sent += 1
                next_s += period_s
                await asyncio.sleep(next_s - self._now_s())
        self._tell("fault", "burst stopped", {"sent": sent})

    def _cut_off(self) -> bool:
        """Whether the judged channel has been told that it is no more."""
        channel = judged(self._lines)
        for line in reversed(self._lines):
            if line.what == "status" and line.data["id"] == channel:
                return bool(line.data["status"] != "SUBSCRIBED")
        return False

    # What is written down.

    def _now_s(self) -> float:
        return time.time() - self._began_s

    def _tell(self, who: str, what: str, data: Any) -> None:
        self._lines.append(Line(self._now_s() if self._began_s else 0.0, who, what, data))

    def _hear(self, said_s: float, who: str, what: str, data: Any) -> None:
        self._lines.append(Line(said_s - self._began_s if self._began_s else 0.0, who, what, data))

    def _spawn(self, act: Any) -> None:
        task = asyncio.ensure_future(act)
        self._doing[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._doing.pop(task, None)

    def _raise_failures(self) -> None:
        for task in list(self._doing):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._doing.pop(task)
                raise error


def _rest(line: Line) -> tuple[str, str, Any]:
    return line.who, line.what, line.data


def _twin_topic(topic: str) -> str:
    return f"other-{topic}"


def _flood(topic: str, ref: int) -> str:
    payload = {"type": "broadcast", "event": "burst", "payload": {"n": ref}}
    message = {"topic": f"realtime:{topic}", "event": "broadcast", "ref": str(ref)}
    return json.dumps({**message, "join_ref": None, "payload": payload})
