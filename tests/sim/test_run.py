"""Running a program: what it gives, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time

import pytest

from harness.sim import SimDeadlock, SimLoop, VirtualTimeLimit, run


def test_the_result_is_handed_back() -> None:
    async def main(loop: SimLoop) -> str:
        return "result"

    assert run(main) == "result"


def test_what_is_left_over_is_cancelled_in_the_order_of_birth() -> None:
    ended: list[int] = []

    async def wait(number: int) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(number)

    tasks: list[asyncio.Task[None]] = []

    async def main(loop: SimLoop) -> None:
        tasks.extend(asyncio.create_task(wait(number)) for number in range(40))
        await asyncio.sleep(1)

    run(main)
    assert ended == list(range(40))


@pytest.mark.parametrize("fails", [False, True], ids=["success", "failure"])
def test_clocks_entropy_and_sockets_are_real_again_afterwards(fails: bool) -> None:
    names = [
        (time, "time"),
        (time, "monotonic"),
        (time, "sleep"),
        (os, "urandom"),
        (random, "random"),
        (random.Random, "seed"),
        (socket.socket, "connect"),
    ]
    before = [getattr(owner, name) for owner, name in names]
    random_state = random.getstate()
    environment = dict(os.environ)

    async def main(loop: SimLoop) -> None:
        random.random()
        if fails:
            raise LookupError

    if fails:
        with pytest.raises(LookupError):
            run(main)
    else:
        run(main)
    assert [getattr(owner, name) for owner, name in names] == before
    assert "connect" not in vars(socket.socket)
    assert random.getstate() == random_state
    assert dict(os.environ) == environment


def test_what_went_wrong_first_is_what_is_raised() -> None:
    async def immortal() -> None:
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                continue

    async def main(loop: SimLoop) -> None:
        task = asyncio.create_task(immortal())
        await asyncio.sleep(1)
        raise LookupError(task.get_name())

    with pytest.raises(LookupError):
        run(main)


def test_a_leftover_that_never_ends_is_an_error() -> None:
    async def stubborn(sleeps: bool) -> None:
        while True:
            try:
                await (asyncio.sleep(10) if sleeps else asyncio.Event().wait())
            except asyncio.CancelledError:
                continue

    async def main(loop: SimLoop, sleeps: bool) -> str:
        task = asyncio.create_task(stubborn(sleeps))
        await asyncio.sleep(1)
        return task.get_name()

    with pytest.raises(SimDeadlock, match="stubborn"):
        run(lambda loop: main(loop, False))
    with pytest.raises(VirtualTimeLimit, match="stubborn"):
        run(lambda loop: main(loop, True))
