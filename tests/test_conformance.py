"""The conformance kit passes the clients that we ship, and names what is wrong with others."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from harness.clients.contract import Listener, Maker
from harness.clients.manager import Manager
from harness.clients.registry import load_client
from harness.conformance import NotConforming, check_client
from harness.history import Op
from harness.worlds.sim import SimWorld
from tests.servers import make_server


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["manager", "realtime_py"])
def test_the_clients_that_we_ship_keep_the_contract(name: str) -> None:
    """Each behind a process of its own: `tests/clients/test_program.py`."""
    check_client(load_client(name), SimWorld(make_server), changes_of="numbers")


class _Altered:
    """Our manager behind an adapter with one fault in its translation."""

    def __init__(self, rng: Random) -> None:
        self._inner = Manager(rng)

    async def open(self, url: str, name: str) -> None:
        await self._inner.open(url, name)

    async def invoke(self, op: Op) -> Op:
        return await self._inner.invoke(op)

    def on_event(self, listener: Listener) -> None:
        self._inner.on_event(listener)

    async def close(self) -> None:
        await self._inner.close()


class Deaf(_Altered):
    def on_event(self, listener: Listener) -> None:
        pass


class Anonymous(_Altered):
    def on_event(self, listener: Listener) -> None:
        self._inner.on_event(lambda op: listener(replace(op, process="me")))


class Doubtful(_Altered):
    async def invoke(self, op: Op) -> Op:
        return replace(await self._inner.invoke(op), type="info")


class Rewriting(_Altered):
    async def invoke(self, op: Op) -> Op:
        return replace(await self._inner.invoke(op), value={})


class Stuttering(_Altered):
    async def invoke(self, op: Op) -> Op:
        if op.f == "broadcast":
            await self._inner.invoke(op)
        return await self._inner.invoke(op)


class Clinging(_Altered):
    async def close(self) -> None:
        pass


class Fragile(_Altered):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True
        await super().close()


class OpenedOnce(_Altered):
    opened = False

    async def open(self, url: str, name: str) -> None:
        if not self.opened:
            self.opened = True
            await super().open(url, name)


class StayingOn(_Altered):
    async def invoke(self, op: Op) -> Op:
        return replace(op, type="ok") if op.f == "leave" else await super().invoke(op)


class Mute(_Altered):
    def on_event(self, listener: Listener) -> None:
        self._inner.on_event(lambda op: None if op.f == "feed_live" else listener(op))


class Doubling(_Altered):
    def on_event(self, listener: Listener) -> None:
        def twice(op: Op) -> None:
            listener(op)
            if op.f == "changed":
                listener(op)

        self._inner.on_event(twice)


class Anxious(_Altered):
    def on_event(self, listener: Listener) -> None:
        def worry(op: Op) -> None:
            listener(op)
            if op.f == "changed":
                listener(replace(op, f="feed_gap", value={"topic": op.value["topic"], "last_s": 1}))

        self._inner.on_event(worry)


@pytest.mark.parametrize(
    ("maker", "complaint"),
    [
        (Mute, "no `feed_live` event came"),
        (Doubling, r"`changed` events were \[1, 1, 2, 2, 3, 3\]"),
        (Anxious, "a `feed_gap` event came of a healthy feed"),
    ],
)
def test_an_adapter_that_misreports_changes_is_told_how(maker: Maker, complaint: str) -> None:
    with pytest.raises(NotConforming, match=complaint):
        check_client(maker, SimWorld(make_server), changes_of="numbers")


@pytest.mark.parametrize(
    ("maker", "complaint"),
    [
        (Deaf, "no `joined` event came"),
        (Anonymous, "is signed 'me'"),
        (Doubtful, "is info, not ok"),
        (Rewriting, "must return the same op"),
        (Stuttering, "reached the server 2 times"),
        (Clinging, "a connection outlives close"),
        (Fragile, r"the second close\(\) raised RuntimeError"),
        (OpenedOnce, "an open after a close does not connect once"),
        (StayingOn, "still holds the join after an ok leave"),
    ],
)
def test_an_adapter_that_breaks_the_contract_is_told_how(maker: Maker, complaint: str) -> None:
    with pytest.raises(NotConforming, match=complaint):
        check_client(maker, SimWorld(make_server))


def test_a_client_that_cannot_be_used_is_told_all_at_once() -> None:
    class Broken(_Altered):
        async def open(self, url: str, name: str) -> None:
            raise OSError("no")

        async def invoke(self, op: Op) -> Op:
            raise ValueError("no")

    with pytest.raises(NotConforming) as caught:
        check_client(Broken, SimWorld(make_server))
    assert len(str(caught.value).splitlines()) >= 5
