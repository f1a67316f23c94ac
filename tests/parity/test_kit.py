"""The kit tells each difference that is planted in a world, and says what a world cannot do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from harness.clients.registry import load_client
from harness.nemesis import CannotExpress, Held, Levers, Network, Stream, Victims
from harness.parity import DifferentWorld, check_world, kit
from harness.parity.effects import EFFECTS
from harness.parity.stories import STORIES
from harness.worlds.sim import SimWorld
from harness.worlds.world import Cohorts, Env, Narrator, ServerMaker, Story
from tests.servers import make_server


class Altered:
    """The network of a simulation with one thing done otherwise."""

    def __init__(self, inner: Network) -> None:
        self._inner = inner

    def __getattr__(self, lever: str) -> Any:
        return getattr(self._inner, lever)


class AlteredWorld(SimWorld):
    def __init__(self, make_server: ServerMaker, alter: Callable[[Network], Any]) -> None:
        super().__init__(make_server)
        self._alter = alter

    def play(self, story: Story[Any], seed: int, narrate: Narrator, cohorts: Cohorts = ()) -> Any:
        async def altered(env: Env) -> Any:
            levers = Levers(self._alter(env.levers.network), env.levers.server)
            return await story(replace(env, levers=levers))

        return super().play(altered, seed, narrate, cohorts)


def toxics(
    change: Callable[[str, Stream, dict[str, int]], tuple[str, Stream, dict[str, int]]],
) -> Any:
    """A network whose toxics are changed on their way in."""

    class Changed(Altered):
        def toxic(
            self, victims: Victims, stream: Stream, type: str, attributes: Mapping[str, int]
        ) -> Held:
            type, stream, attributes = change(type, stream, dict(attributes))
            return self._inner.toxic(victims, stream, type, attributes)

    return Changed


def scaled(name: str, factor: float) -> Any:
    return toxics(
        lambda type, stream, values: (
            type,
            stream,
            {**values, name: round(values[name] * factor)} if name in values else values,
        )
    )


def instead(type: str, **values: int) -> Any:
    return toxics(lambda _, stream, __: (type, stream, values))


def turned() -> Any:
    def change(type: str, stream: Stream, values: dict[str, int]) -> Any:
        return type, "upstream" if stream == "downstream" else "downstream", values

    return toxics(change)


LEFT_OPEN: list[Held] = []
"""Forgotten ones would be left by the garbage collector."""


@asynccontextmanager
async def never_left(held: Held) -> AsyncIterator[None]:
    LEFT_OPEN.append(held)
    await held.__aenter__()
    yield


class Unhealed(Altered):
    def toxic(self, *asked: Any) -> Held:
        return never_left(self._inner.toxic(*asked))

    def refuse(self, victims: Victims) -> Held:
        return never_left(self._inner.refuse(victims))

    def dns_failure(self, victims: Victims) -> Held:
        return never_left(self._inner.dns_failure(victims))

    def stall_connects(self, victims: Victims) -> Held:
        return never_left(self._inner.stall_connects(victims))


class HitsAll(Altered):
    def toxic(self, victims: Victims, *asked: Any) -> Held:
        return self._inner.toxic(None, *asked)

    def hole(self, victims: Victims, *, up: bool, down: bool) -> Held:
        return self._inner.hole(None, up=up, down=down)

    def refuse(self, victims: Victims) -> Held:
        return self._inner.refuse(None)

    def dns_failure(self, victims: Victims) -> Held:
        return self._inner.dns_failure(None)

    def stall_connects(self, victims: Victims) -> Held:
        return self._inner.stall_connects(None)

    async def fin(self, victims: Victims) -> None:
        await self._inner.fin(None)


def swapped(lever: str, other: str) -> Any:
    """A network that pulls another lever than it was asked to."""

    def pull(self: Altered, victims: Victims) -> Held:
        held: Held = getattr(self._inner, other)(victims)
        return held

    return type("Swapped", (Altered,), {lever: pull})


class HalfHole(Altered):
    def hole(self, victims: Victims, *, up: bool, down: bool) -> Held:
        return self._inner.hole(victims, up=up, down=False)


class LeakyHole(Altered):
    @asynccontextmanager
    async def hole(self, victims: Victims, *, up: bool, down: bool) -> AsyncIterator[None]:
        """What was sent comes after the heal, as if it had been held."""
        late = {"latency": 60_000}
        async with (
            self._inner.toxic(victims, "upstream", "latency" if up else "noop", late if up else {}),
            self._inner.toxic(
                victims, "downstream", "latency" if down else "noop", late if down else {}
            ),
        ):
            yield


class RefusesByHole(Altered):
    def refuse(self, victims: Victims) -> Held:
        return self._inner.hole(victims, up=True, down=True)


class EndsByReset(Altered):
    async def fin(self, victims: Victims) -> None:
        await self._inner.rst(victims)


class HealsLate(Altered):
    @asynccontextmanager
    async def refuse(self, victims: Victims) -> AsyncIterator[None]:
        async with self._inner.refuse(victims):
            yield
            # Behind the nemesis, which has healed by its own word.
            self._task = asyncio.ensure_future(self._more(victims))

    async def _more(self, victims: Victims) -> None:
        async with self._inner.refuse(victims):
            await asyncio.sleep(8)


class ResetsTwice(Altered):
    async def rst(self, victims: Victims) -> None:
        await self._inner.rst(victims)
        await asyncio.sleep(1)
        await self._inner.rst(victims)


class DoesNothing(Altered):
    async def rst(self, victims: Victims) -> None: ...


PLANTED: list[tuple[str, Any, str]] = [
    (
        "latency",
        scaled("latency", 0.5),
        r"downstream took 1\d\d ms; by the law it takes 300",
    ),
    ("latency", scaled("latency", 2), r"latency 300, upstream took 6\d\d ms"),
    ("latency", turned(), "against"),
    ("latency", Unhealed, r"healed took 3\d\d ms"),
    ("latency", HitsAll, "who is spared took"),
    ("latency", instead("noop"), r"upstream took \d\d? ms"),
    ("removed_latency", Unhealed, "removed_latency: it broke off"),
    ("jitter", scaled("jitter", 0), "all pieces alike"),
    ("jitter", scaled("latency", 5), "latency 200±150 took"),
    ("bandwidth", scaled("rate", 2), r"bandwidth 100, upstream: 50 kB took 2\d\d ms"),
    ("bandwidth", scaled("rate", 0.5), r"upstream: 50 kB took 1\d\d\d ms"),
    ("slicer", scaled("delay", 0), r"slicer 64/20000: 1024 B took \d\d? ms"),
    ("slicer", scaled("average_size", 0.25), "slicer 64/20000"),
    ("limit_data", scaled("bytes", 1.001), "FIN after 1001 bytes"),
    ("limit_data", instead("noop"), "silence after 5000 bytes"),
    ("slow_close", instead("noop"), r"slow_close 400: the end took \d\d? ms"),
    ("slow_close", scaled("delay", 3), r"slow_close 400: the end took 12\d\d ms"),
    ("timeout", scaled("timeout", 2), r"timeout 400: the end took 8\d\d ms"),
    ("timeout", instead("slow_close", delay=400), "after 100 bytes"),
    ("reset_peer", instead("limit_data", bytes=0), "FIN after 0 bytes, not RST"),
    ("reset_peer", instead("timeout", timeout=100), "without any data"),
    ("hole", HalfHole, "100 bytes went downstream"),
    ("hole", LeakyHole, "bytes came after the heal"),
    ("hole", HitsAll, "hole: it broke off"),
    ("refuse", RefusesByHole, "a live connection: silence"),
    ("refuse", HitsAll, "refuse: it broke off"),
    ("refuse", Unhealed, "refuse: it broke off"),
    ("fin", EndsByReset, "fin: RST"),
    ("fin", HitsAll, "fin: it broke off"),
    ("dns_failure", swapped("dns_failure", "refuse"), "a connect met ConnectionRefusedError"),
    ("dns_failure", swapped("dns_failure", "stall_connects"), "a connect met TimeoutError"),
    ("dns_failure", HitsAll, "dns_failure: it broke off"),
    ("dns_failure", Unhealed, "dns_failure: it broke off"),
    ("connect_stall", swapped("stall_connects", "dns_failure"), "a connect was answered"),
    ("connect_stall", HitsAll, "connect_stall: it broke off"),
    ("connect_stall", Unhealed, "connect_stall: it broke off"),
]


@pytest.mark.parametrize(("effect", "alter", "complaint"), PLANTED)
def test_a_difference_at_the_socket_is_told(
    effect: str, alter: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "EFFECTS", {effect: EFFECTS[effect]})
    monkeypatch.setattr(kit, "STORIES", {})
    with pytest.raises(DifferentWorld, match=complaint):
        held(alter)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("story", "alter", "complaint"),
    [
        ("refuse", HealsLate, "recovered after .* in the simulation after"),
        ("rst", ResetsTwice, r"story rst: event \d+ is .* in the simulation"),
        ("rst", DoesNothing, "story rst: unknown: .*felt"),
    ],
)
def test_a_story_that_goes_otherwise_is_told(
    story: str, alter: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "EFFECTS", {})
    monkeypatch.setattr(kit, "STORIES", {story: STORIES[story]})
    with pytest.raises(DifferentWorld, match=complaint):
        held(alter)


def test_every_effect_has_a_difference_that_it_tells() -> None:
    assert {effect for effect, _, _ in PLANTED} | {"nothing"} == set(EFFECTS)


def test_what_a_world_cannot_express_is_named_and_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoFin(Altered):
        async def fin(self, victims: Victims) -> None:
            raise CannotExpress("no means")

    monkeypatch.setattr(kit, "EFFECTS", {name: EFFECTS[name] for name in ("nothing", "fin")})
    monkeypatch.setattr(kit, "STORIES", {"fin": STORIES["fin"]})
    assert held(NoFin) == ("fin", "story fin")


def test_a_world_that_does_nothing_without_a_fault_is_told_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A way that is slow by itself: nothing measured on it would say anything."""

    class SlowWorld(SimWorld):
        def play(
            self, story: Story[Any], seed: int, narrate: Narrator, cohorts: Cohorts = ()
        ) -> Any:
            async def slowed(env: Env) -> Any:
                slow: AbstractAsyncContextManager[object] = env.levers.network.toxic(
                    None, "downstream", "latency", {"latency": 400}
                )
                async with slow:
                    return await story(env)

            return super().play(slowed, seed, narrate, cohorts)

    monkeypatch.setattr(kit, "EFFECTS", {"nothing": EFFECTS["nothing"]})
    monkeypatch.setattr(kit, "STORIES", {})
    with pytest.raises(DifferentWorld, match=r"nothing, downstream: 50 kB took 4\d\d ms"):
        check_world(SlowWorld, make_server, load_client("manager"))


def held(alter: Any) -> tuple[str, ...]:
    return check_world(
        lambda maker: AlteredWorld(maker, alter), make_server, load_client("manager")
    )
