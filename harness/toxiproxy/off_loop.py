"""The adapter's blocking calls from a coroutine, with nothing done behind a cancelled caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Make a blocking call in a thread: `await off_loop(proxy.add_toxic, "latency")`.

    A call that has begun cannot be stopped. A caller that is cancelled meanwhile first waits for
    its end, so that whoever heals afterwards heals what is really there.
    """
    return await _ended(asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs)))


@asynccontextmanager
async def within(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave a blocking context manager in threads: `async with within(proxy.down())`."""
    entering = asyncio.ensure_future(asyncio.to_thread(context.__enter__))
    try:
        entered = await _ended(entering)
    except asyncio.CancelledError:
        if entering.done() and not entering.cancelled() and entering.exception() is None:
            await off_loop(context.__exit__, None, None, None)
        raise
    try:
        yield entered
    except BaseException as error:
        if not await off_loop(context.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await off_loop(context.__exit__, None, None, None)


async def _ended(work: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        # Bounded by the time-out of the call itself.
        await asyncio.wait([work])
        with suppress(Exception):
            work.result()
        raise
