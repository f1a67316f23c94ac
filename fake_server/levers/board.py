"""The levers that are pulled at present: pulling them, healing them, and what they have struck."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from fake_server.levers.lever import Ground, Pull, Spec, Undo
from fake_server.levers.registry import prepared

_LOG = logging.getLogger("fake_server")


class Lever:
    """One lever that was pulled; `heal` takes it back."""

    def __init__(self, board: Board, number: int, name: str, spec: Spec, pull: Pull) -> None:
        self.id = number
        self.name = name
        self.parameters: Mapping[str, Any] = pull.values
        """Every parameter with its value, defaults and the drawn seed included."""
        self._board = board
        self._spec = spec
        self._pull = pull
        self._undo: Undo | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def hits(self) -> int:
        """How many frames, requests, connections or channels it has struck so far."""
        return self._pull.choice.hits

    def heal(self) -> None:
        """Take it back. Does nothing when it happened once, or is healed already.

        What it did stays done: a restart is begun in the background, see `settled`."""
        if not self._board.lay_down(self):
            return
        self.abandon()
        if self._undo is not None:
            self._undo()
        self._work()

    async def settled(self) -> None:
        """Wait for what takes time: the batches of a drain, the end or return of the server."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def describe(self) -> dict[str, Any]:
        """What it is, for people; holds no secrets."""
        given = {name: value for name, value in self.parameters.items() if value is not None}
        return {
            "id": self.id,
            "name": self.name,
            "tenant": self._board.tenant,
            "parameters": given,
            "hits": self.hits,
        }

    def act(self, ground: Ground) -> None:
        """Do what the lever does."""
        self._undo = self._spec.act(ground, self._pull)
        for_s = self.parameters.get("for_s")
        if for_s is not None:
            self._timer = asyncio.get_running_loop().call_later(for_s, self.heal)
        self._work()

    def abandon(self) -> None:
        """Never heal by itself, and begin no other batch."""
        if self._timer is not None:
            self._timer.cancel()
        if self._spec.passes and self._task is not None:
            self._task.cancel()

    def _work(self) -> None:
        if self._pull.work and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._do_work())

    async def _do_work(self) -> None:
        try:
            while self._pull.work:
                await self._pull.work.pop(0)()
        except (OSError, RuntimeError) as error:
            _LOG.error("lever %s: %s", self.name, error)
        if self._spec.passes:
            self._board.lay_down(self)


class Board:
    """Every lever of one tenant."""

    def __init__(self, ground: Ground, tenant: str, numbers: Iterator[int]) -> None:
        """`numbers` are those of the levers to come, which several boards may share."""
        self.tenant = tenant
        self._ground = ground
        self._numbers = numbers
        self._pulled: dict[int, Lever] = {}
        self._swapped: dict[str, Lever] = {}

    @property
    def pulled(self) -> list[Lever]:
        """The levers that are not healed yet, in the order of their pulls."""
        return list(self._pulled.values())

    def pull(self, name: Any, parameters: Mapping[str, Any]) -> Lever:
        """Pull a lever. Raises `BadLever`, naming what is known."""
        spec, pull = prepared(self._ground, name, parameters)
        lever = Lever(self, next(self._numbers), name, spec, pull)
        lever.act(self._ground)
        if spec.lasts:
            self._pulled[lever.id] = lever
        return lever

    def swap(self, name: str, parameters: Mapping[str, Any] | None) -> None:
        """Heal the lever that was swapped in under this name before, and pull it anew unless there
        are no parameters."""
        before = self._swapped.pop(name, None)
        if before is not None:
            before.heal()
        if parameters is not None:
            self._swapped[name] = self.pull(name, parameters)

    def heal(self) -> None:
        """Heal every lever, the last one first."""
        for lever in reversed(self.pulled):
            lever.heal()
        self._swapped.clear()

    def lay_down(self, lever: Lever) -> bool:
        """The lever is no longer pulled; whether it was."""
        return self._pulled.pop(lever.id, None) is not None

    def abandon(self, name: str) -> None:
        """Lay the levers of this name down without healing them."""
        for lever in self.pulled:
            if lever.name == name:
                self.lay_down(lever)
                lever.abandon()
