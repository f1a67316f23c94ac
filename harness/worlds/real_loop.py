"""A real event loop in a thread of its own, on which several threads play stories side by side."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from harness.worlds.lag import LagWatch
from harness.worlds.roads import RoadLoop
from harness.worlds.world import WorldFailed

T = TypeVar("T")

STOP_WITHIN_S = 15.0
"""How long stories may take to heal and clean up when the run is ended."""

START_WITHIN_S = 30.0

_log = logging.getLogger(__name__)


class RealLoop:
    """Runs from its making until `close`. `prepare` is called in its thread, before anything else.

    Raises what `prepare` raises.
    """

    def __init__(self, name: str, prepare: Callable[[], object] = lambda: None) -> None:
        self._playing: dict[Future[Any], None] = {}
        self._lag = LagWatch()
        self._loop = RoadLoop()
        self._loop.set_exception_handler(_log_unhandled)
        prepared: Future[None] = Future()

        def turn() -> None:
            try:
                prepare()
            except BaseException as error:
                prepared.set_exception(error)
                return
            prepared.set_result(None)
            self._loop.run_forever()

        self._thread = threading.Thread(target=turn, name=name, daemon=True)
        self._thread.start()
        try:
            prepared.result(START_WITHIN_S)
        except BaseException:
            self._loop.close()
            raise
        asyncio.run_coroutine_threadsafe(self._lag.watch(), self._loop)

    def play(self, story: Coroutine[Any, Any, T]) -> T:
        """Run a story and block until it ends; several threads may each play one.

        Raises what it raises, and `WorldFailed` if the loop was closed or stood still meanwhile.
        """
        playing = asyncio.run_coroutine_threadsafe(self._watched(story), self._loop)
        self._playing[playing] = None
        try:
            return playing.result()
        except CancelledError:
            raise WorldFailed("the run was ended before this story was") from None
        finally:
            self._playing.pop(playing, None)

    def close(self) -> None:
        """Cancel what runs, give it time to heal, and end the thread."""
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
        self._thread.join(timeout=STOP_WITHIN_S + 5)
        if not self._thread.is_alive():
            self._loop.close()
        # A client may refuse to be cancelled; who waits for its story must not wait for ever.
        for playing in list(self._playing):
            playing.cancel()

    async def _watched(self, story: Coroutine[Any, Any, T]) -> T:
        began_s = self._loop.time()
        told = await story
        stall_s = self._lag.worst_since(began_s)
        if stall_s is not None:
            raise WorldFailed(
                f"the real loop stood still for {stall_s:.1f} s, so its clock proves nothing: "
                "a client blocks it (run that one alone), or the machine is overloaded"
            )
        return told


async def _cancel_all() -> None:
    """Cancel every task, wait for their clean-up within a bound, stop the loop."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
    loop.call_soon(loop.stop)


def _log_unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A client under test may let its own tasks die; the history shows what came of it.
    _log.debug("unhandled in the loop: %s", context.get("message"))
