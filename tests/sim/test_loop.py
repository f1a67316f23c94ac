"""The loop: time jumps, hangs are found at once, and nothing reaches the real world."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from harness.sim import EscapedSimulation, SimDeadlock, SimLoop, VirtualTimeLimit, run


def test_a_day_takes_no_time() -> None:
    began_s = time.monotonic()

    async def main(loop: SimLoop) -> float:
        await asyncio.sleep(86_400 * 3)
        return loop.time()

    assert run(main) == 86_400 * 3
    assert time.monotonic() - began_s < 5


def test_timers_fire_at_times_too_large_for_nanoseconds() -> None:
    """At 10^9 s the resolution of a float is above a nanosecond: due timers must not stick."""

    async def main(loop: SimLoop) -> float:
        await asyncio.sleep(1e9)
        await asyncio.sleep(0.1)
        return loop.time()

    assert run(main) == pytest.approx(1e9 + 0.1)


def test_a_hang_is_a_deadlock_that_says_where_each_task_waits() -> None:
    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(12.5)
        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for_nobody(), name="reader")

    with pytest.raises(SimDeadlock) as caught:
        run(main)
    text = str(caught.value)
    assert "at 12.500000 s: nothing can ever happen" in text
    assert "reader (" in text
    assert "locks.py" in text


def spin(loop: SimLoop) -> None:
    loop.call_soon(spin, loop)


def test_a_program_that_spins_while_time_stands_still_is_a_deadlock() -> None:
    async def main(loop: SimLoop) -> None:
        loop.call_soon(spin, loop)
        await loop.create_future()

    with pytest.raises(SimDeadlock, match="time stands still"):
        run(main)


def test_the_limit_of_time_is_an_error_that_says_where_tasks_wait() -> None:
    async def main(loop: SimLoop) -> None:
        for _ in range(10):
            await asyncio.sleep(7)

    with pytest.raises(VirtualTimeLimit, match=r"at 60\.0+ s: the limit of 60 s(.|\n)*Task-1"):
        run(main, limit_s=60)


def test_an_executor_runs_inline() -> None:
    async def main(loop: SimLoop) -> tuple[int, float]:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(pow, 2, 10), loop.time()

    assert run(main) == (1024, 0)


def test_tasks_are_numbered_by_loop() -> None:
    """A replay in the same process shows the same names."""

    async def main(loop: SimLoop) -> str:
        return asyncio.create_task(asyncio.sleep(0)).get_name()

    assert run(main) == run(main) == "Task-2"


def test_a_task_group_cancels_in_the_order_of_birth() -> None:
    """asyncio keeps a group's tasks in a set, whose order would else be that of addresses."""

    async def main(loop: SimLoop) -> list[int]:
        ended: list[int] = []

        async def member(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(number)

        async def cancel_all() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    group.create_task(member(number))
                await asyncio.sleep(1)
                raise LookupError

        with pytest.raises(ExceptionGroup):
            await cancel_all()
        return ended

    assert run(main) == list(range(50))


ESCAPES: dict[str, Callable[[SimLoop, socket.socket], Any]] = {
    "loop.sock_connect()": lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 1)),
    "loop.add_reader()": lambda loop, sock: loop.add_reader(sock, print),
    "loop.add_signal_handler()": lambda loop, sock: loop.add_signal_handler(2, print),
    "loop.create_unix_connection()": lambda loop, sock: loop.create_unix_connection(
        asyncio.Protocol, "/tmp/nowhere"
    ),
    "loop.create_datagram_endpoint()": lambda loop, sock: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 1)
    ),
    "loop.subprocess_exec()": lambda loop, sock: loop.subprocess_exec(
        asyncio.SubprocessProtocol, "true"
    ),
    "loop.create_connection(sock=…)": lambda loop, sock: loop.create_connection(
        asyncio.Protocol, sock=sock
    ),
    "loop.create_server(ssl=…)": lambda loop, sock: loop.create_server(
        asyncio.Protocol, "server", 1, ssl=True
    ),
}


@pytest.mark.parametrize("call", ESCAPES)
def test_real_io_is_an_escape_that_names_the_call(call: str) -> None:
    async def main(loop: SimLoop) -> None:
        with socket.socket() as sock:
            await ESCAPES[call](loop, sock)

    with pytest.raises(EscapedSimulation) as caught:
        run(main)
    assert call in str(caught.value)


def test_an_escape_cannot_be_swallowed() -> None:
    """Clients retry on any exception; the simulation must end all the same."""

    went_on: list[float] = []

    async def main(loop: SimLoop) -> None:
        try:
            loop.add_reader(0, print)
        except Exception:
            await asyncio.sleep(1)
            went_on.append(loop.time())

    with pytest.raises(EscapedSimulation, match="add_reader"):
        run(main)
    assert not went_on


def test_generators_left_over_are_closed_in_order() -> None:
    ended: list[int] = []

    async def numbers(number: int) -> AsyncIterator[int]:
        try:
            yield number
        finally:
            ended.append(number)

    async def main(loop: SimLoop) -> list[AsyncIterator[int]]:
        open_ones = [numbers(number) for number in range(30)]
        for one in open_ones:
            await anext(one)
        return open_ones

    kept = run(main)
    assert ended == list(range(30)) == list(range(len(kept)))
