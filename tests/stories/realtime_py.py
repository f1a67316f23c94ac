"""Drives `realtime`, unmodified and with its defaults, as a process that is told what to do.

Commands come in as lines of JSON, what happens goes out as lines of JSON, each with the time of
day at which it did: `python -m tests.stories.realtime_py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient

from harness.redact import redact

POLL_S = 0.05
WATCH_S = 0.1
STALL_S = 0.25
"""A loop that was this late has measured itself."""
SETTLE_S = 3.0
"""How long `close` waits for calls that are about to end."""
_TEXT_MAX = 10_000
EVENTS = ("n", "probe", "app")


def tell(who: str, what: str, data: Any = None) -> None:
    """Say what happened, now."""
    line = json.dumps({"at": time.time(), "who": who, "what": what, "data": data})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Driver:
    """One client and its channels, each by the name that the script gives it."""

    def __init__(self) -> None:
        self._client: AsyncRealtimeClient
        self._channels: dict[str, AsyncRealtimeChannel] = {}
        self._raising: str | None = None
        self._calls: dict[asyncio.Task[None], None] = {}
        self._told: dict[str, Any] = {}

    def open(self, url: str, apikey: str) -> None:
        """Make the client; it does not connect yet."""
        self._client = AsyncRealtimeClient(url, token=apikey)

    def call(self, name: str, act: Coroutine[Any, Any, Any], id: str | None = None) -> None:
        """Make a call and tell what it came to, whenever that is."""
        task = asyncio.create_task(self._call(name, act, id), name=name)
        self._calls[task] = None
        task.add_done_callback(lambda done: self._calls.pop(done, None))

    async def _call(self, name: str, act: Coroutine[Any, Any, Any], id: str | None) -> None:
        try:
            result = {"outcome": "ok", "value": await act}
        except Exception as error:
            result = {"outcome": "error", "value": _words(error)}
        tell("app", f"result:{name}", {"id": id, **result})

    # What it is told to do.

    async def connect(self) -> None:
        await self._client.connect()

    async def new(self, id: str, topic: str, pg: Any, presence: Any, private: bool) -> None:
        self._make(id, topic, pg, presence, private)

    async def sub(self, id: str) -> None:
        await self._channels[id].subscribe(self._status(id))

    async def unsub(self, id: str) -> None:
        await self._channels[id].unsubscribe()

    async def quick(self, topic: str, pg: Any, wait: bool) -> None:
        """Subscribe, unsubscribe and subscribe again on one topic, each awaited or none."""
        first = self._make("a", topic, pg, False, False)
        joining = asyncio.ensure_future(first.subscribe(self._status("a")))
        await (joining if wait else asyncio.sleep(0))
        tell("app", "unsubscribe returned", await first.unsubscribe())
        await self._make("b", topic, pg, False, False).subscribe(self._status("b"))

    async def set_auth(self, token: str) -> None:
        await self._client.set_auth(token)

    async def track(self, id: str, state: Any) -> None:
        await self._channels[id].track(state)

    async def raise_next(self, kind: str) -> None:
        self._raising = kind

    async def send(self, id: str, n: int) -> str:
        """Broadcast, and wait for what the server says to it."""
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def answer(word: str) -> Callable[..., None]:
            return lambda *_: None if answered.done() else answered.set_result(word)

        payload = {"type": "broadcast", "event": "app", "payload": {"n": n}}
        push = await self._channels[id].push("broadcast", payload)
        for word in ("ok", "error", "timeout"):
            push.receive(word, answer(word))
        return await answered

    async def close(self) -> None:
        """End the client; calls whose answer is due at this moment may still give it."""
        if sending := [task for task in self._calls if task.get_name() == "send"]:
            await asyncio.wait(sending, timeout=SETTLE_S)
        tell("app", "call:close", {})
        try:
            await self._client.close()
        except Exception as error:
            tell("app", "close", {"outcome": _words(error)})
        else:
            tell("app", "close", {"outcome": "ok"})

    # Its channels, and what they call back.

    def _make(
        self, id: str, topic: str, pg: Any, presence: Any, private: bool
    ) -> AsyncRealtimeChannel:
        config: Any = {
            "broadcast": {"ack": True, "self": False},
            "presence": {"key": "", "enabled": bool(presence)},
            "private": private,
        }
        channel = self._client.channel(topic, {"config": config})
        same = any(channel is other for other in self._channels.values())
        self._channels[id] = channel
        tell("app", "channel", {"id": id, "same_object_as_before": same})
        if not same:
            self._listen(id, channel, pg, presence)
        return channel

    def _listen(self, id: str, channel: AsyncRealtimeChannel, pg: Any, presence: Any) -> None:
        for event in EVENTS:
            channel.on_broadcast(event, self._broadcast(id))
        for binding in pg:
            channel.on_postgres_changes(callback=self._change(id), **binding)
        channel.on_system(self._system(id))
        if presence:
            channel.on_presence_sync(lambda: tell("client", "presence sync", {"id": id}))
            for what in ("join", "leave"):
                getattr(channel, f"on_presence_{what}")(self._presence(id, what))

    def _status(self, id: str) -> Callable[[Any, Exception | None], None]:
        def called(status: Any, error: Exception | None) -> None:
            words = None if error is None else _words(error)
            tell("client", "status", {"id": id, "status": str(status.value), "error": words})
            self._raise_if_told("status")

        return called

    def _broadcast(self, id: str) -> Callable[[Any], None]:
        def called(message: Any) -> None:
            tell("client", "broadcast", {"id": id, "event": message["event"], **message["payload"]})
            self._raise_if_told("broadcast")

        return called

    def _change(self, id: str) -> Callable[[Any], None]:
        def called(message: Any) -> None:
            data = message["data"]
            num = (data.get("record") or {}).get("num")
            kind = str(getattr(data["type"], "value", data["type"]))
            seen = {"id": id, "type": kind, "num": num, "errors": data.get("errors")}
            tell("client", "change", seen)
            self._raise_if_told("change")

        return called

    def _system(self, id: str) -> Callable[[Any], None]:
        def called(payload: Any) -> None:
            tell("client", "system", {"id": id, "payload": str(payload)})
            self._raise_if_told("system")

        return called

    def _presence(self, id: str, what: str) -> Callable[..., None]:
        return lambda key, *_: tell("client", f"presence {what}", {"id": id, "key": key})

    def _raise_if_told(self, kind: str) -> None:
        if self._raising == kind:
            self._raising = None
            tell("app", "callback_raises", kind)
            raise RuntimeError(f"deliberate error in {kind} callback")

    # What is looked at.

    async def poll(self) -> None:
        """Tell the states of socket and channels whenever they have changed."""
        while True:
            self._tell_changed("socket", "socket_state", self._socket_state())
            for id, channel in self._channels.items():
                registered = self._client.channels.get(channel.topic) is channel
                state = {"id": id, "state": str(channel.state.value), "registered": registered}
                self._tell_changed(id, "channel_state", state)
            await asyncio.sleep(POLL_S)

    def _tell_changed(self, key: str, what: str, state: Any) -> None:
        if self._told.get(key) != state:
            self._told[key] = state
            tell("client", what, state)

    def _socket_state(self) -> dict[str, Any]:
        # Nothing public says whether the client still reads.
        return {
            "is_connected": self._client.is_connected,
            "listen_task": _task_state(self._client._listen_task),
        }


def _task_state(task: asyncio.Task[Any] | None) -> str:
    if task is None:
        return "none"
    if not task.done():
        return "running"
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "ended" if error is None else f"dead: {error!r}"


def _words(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}", _TEXT_MAX)


class _Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        words = {"logger": record.name, "level": record.levelname}
        exception = str(record.exc_info[1]) if record.exc_info else None
        tell(
            "client",
            "log",
            {**words, "msg": redact(record.getMessage(), _TEXT_MAX), "exc": exception},
        )


async def _watch() -> None:
    """Tell when this process stood still: what it saw then says nothing about the client."""
    loop = asyncio.get_running_loop()
    while True:
        before_s = loop.time()
        await asyncio.sleep(WATCH_S)
        late_s = loop.time() - before_s - WATCH_S
        if late_s >= STALL_S:
            tell("driver", "stalled", {"for_s": round(late_s, 2)})


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    tell(
        "client",
        "unhandled",
        _words(error) if error else redact(str(context.get("message")), _TEXT_MAX),
    )


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def main() -> None:
    """Do what the lines say until the client is closed or the input ends."""
    driver = Driver()
    asyncio.get_running_loop().set_exception_handler(_unhandled)
    watching = asyncio.ensure_future(_watch())
    polling: asyncio.Task[None] | None = None
    async for line in await _lines():
        command = json.loads(line)
        name = command.pop("do")
        if name == "open":
            driver.open(**command)
            polling = asyncio.ensure_future(driver.poll())
            tell("app", "ready")
        elif name == "close":
            await driver.close()
            break
        else:
            tell("app", f"call:{name}", {"id": command["id"]} if "id" in command else {})
            driver.call(name, getattr(driver, name)(**command), command.get("id"))
    for task in (watching, polling):
        if task is not None:
            task.cancel()


if __name__ == "__main__":
    # `realtime` reads what `websockets` has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    logging.basicConfig(level=logging.ERROR, handlers=[_Log()])
    asyncio.run(main())
