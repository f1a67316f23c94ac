"""Holds a world against the laws of its faults and against the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock

from harness.clients.contract import Maker
from harness.nemesis import CannotExpress
from harness.parity.effects import EFFECTS
from harness.parity.peer import Peer
from harness.parity.stage import COHORTS, Stage, Tolerance
from harness.parity.stories import SEED, STORIES, Told, differences, tell
from harness.process import words
from harness.verdict import Outcome
from harness.worlds.sim import SimWorld
from harness.worlds.world import Env, ServerMaker, World, WorldFailed

MakeWorld = Callable[[ServerMaker], World]
"""Makes the world that is held; called twice, with the kit's own server and with a real one."""

ATTEMPTS_MAX = 3
"""A busy machine is late now and then; a world that is late by its nature is so each time."""


_SIMULATING = Lock()
"""While it runs, a simulation has the clock of its process to itself."""


class DifferentWorld(AssertionError):
    """What a world does otherwise than the others: every difference found, a line each."""


def check_world(
    make_world: MakeWorld,
    make_server: ServerMaker,
    maker: Maker,
    *,
    tolerance: Tolerance | None = None,
    side_by_side: int = 1,
) -> tuple[str, ...]:
    """Hold a world against the laws of toxics and levers, and its stories against the simulation.

    `make_world` makes it around a server; `make_server` and `maker` make the server and the client
    of the stories. A world in real time may play several at once. What a world says it cannot
    express is no difference: the names of those effects and stories are returned. Raises
    `DifferentWorld` with all differences at once.
    """
    allowed = tolerance or Tolerance()
    with _SIMULATING:
        expected = {name: tell(SimWorld(make_server), name, maker) for name in STORIES}
    with _closing(make_world(lambda on_truth, clock, rng: Peer())) as world:
        checks = [partial(_effect, world, name, allowed) for name in EFFECTS]
        found = dict(zip(EFFECTS, _all(checks, side_by_side), strict=True))
    with _closing(make_world(make_server)) as world:
        checks = [partial(_story, world, name, expected[name], maker, allowed) for name in STORIES]
        told = _all(checks, side_by_side)
        found |= {f"story {name}": one for name, one in zip(STORIES, told, strict=True)}
    problems = [problem for one in found.values() for problem in one or ()]
    if problems:
        raise DifferentWorld(f"{world.name} differs:\n- " + "\n- ".join(problems))
    return tuple(name for name, one in found.items() if one is None)


@contextmanager
def _closing(world: World) -> Iterator[World]:
    try:
        yield world
    finally:
        world.close()


Problems = list[str] | None
"""What was found; None for what the world says it cannot express."""


def _all(checks: Sequence[Callable[[], Problems]], side_by_side: int) -> list[Problems]:
    """What each of them found, in their order; each has several attempts."""
    if side_by_side == 1:
        return [_attempted(check) for check in checks]
    with ThreadPoolExecutor(side_by_side) as pool:
        return list(pool.map(_attempted, checks))


def _attempted(check: Callable[[], Problems]) -> Problems:
    problems: Problems = None
    for _ in range(ATTEMPTS_MAX):
        problems = check()
        if not problems:
            break
    return problems


def _effect(world: World, name: str, tolerance: Tolerance) -> Problems:
    async def story(env: Env) -> Problems:
        peer = env.levers.server
        assert isinstance(peer, Peer)
        stage = Stage(env, peer, tolerance)
        try:
            await EFFECTS[name](stage)
        except CannotExpress:
            return None
        except Exception as error:
            stage.problems.append(f"{name}: it broke off with {words(error)}")
        finally:
            await stage.close()
        return stage.problems

    try:
        return world.play(story, SEED, lambda process, f, value: None, COHORTS)
    except WorldFailed as error:
        return [f"{name}: {error}"]


def _story(world: World, name: str, expected: Told, maker: Maker, tolerance: Tolerance) -> Problems:
    told = tell(world, name, maker)
    if told.judgement.outcome is Outcome.NOT_APPLICABLE:
        return None
    return differences(name, told, expected, tolerance.recovery_s)
