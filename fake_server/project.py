"""One tenant as the server runs it: its core, its shell, its levers, keys and HTTP sessions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fake_server.config import ServerConfig
from fake_server.ground_truth import connections, members, total
from fake_server.handshake import Admission, Refusal, Upgrade, admit, admit_upgrade
from fake_server.http import Answer, Request, Route
from fake_server.keys import Keys
from fake_server.levers.board import Board
from fake_server.levers.lever import Ground
from fake_server.longpoll import LongPolling, Session
from fake_server.node import Node
from fake_server.shell import OnTruth, Shell
from fake_server.switches.where import Where


@dataclass(frozen=True, slots=True)
class House:
    """What a tenant shares with the others of its server."""

    clock: Callable[[], float] = field(repr=False)
    halt: Callable[[], Awaitable[None]]
    resume: Callable[[], Awaitable[None]]
    terminate: Callable[[int, float, float], Awaitable[None]]
    address: Callable[[], str]
    """The host and port of the server."""
    connections: Iterator[int] = field(default_factory=lambda: count(1))
    """The numbers of the connections to come."""
    levers: Iterator[int] = field(default_factory=lambda: count(1))
    """The numbers of the levers to come."""


class Project:
    """One tenant of a server; other tenants share nothing with it but its `House`."""

    def __init__(
        self,
        config: ServerConfig,
        rng: random.Random,
        house: House,
        on_truth: OnTruth | None,
        path: str,
    ) -> None:
        self.name = config.tenant
        self.path = path
        """What the paths of its gateway begin with."""
        self.house = house
        self._rng = rng
        self.node = Node(config, rng, house.clock(), house.connections)
        self.shell = Shell(self.node, house.clock, on_truth)
        self.keys = Keys(lambda: self.config, self.shell.now_s)
        self.board = Board(self._ground(), self.name, house.levers)
        self._polls = LongPolling(self, rng, config.outbox_bytes_max)
        self.node.add_socket(Route("*", "/socket/longpoll", self._polls.answer))

    @property
    def config(self) -> ServerConfig:
        """Its settings at present."""
        return self.node.config

    def update(self, fields: dict[str, Any]) -> None:
        """Change settings by their names in the real API. Raises `BadTenant`."""
        self.shell.perform(self.node.update_tenant(fields))

    def answer(self, request: Request) -> Answer:
        """Answer a whole request over HTTP."""
        answer, effects = self.node.answer(request, self.shell.now_s())
        self.shell.perform(effects)
        return answer

    def admit_upgrade(self, upgrade: Upgrade) -> Admission:
        """Check who wants a WebSocket; raises `Refusal`, which the caller may still `tell`."""
        node = self.node
        return admit_upgrade(upgrade, node.config, node.switches, node.limits, self.shell.now_s())

    def refused(self, refusal: Refusal) -> None:
        """An upgrade was refused."""
        self.shell.perform(self.node.refused(refusal.status, refusal.client))

    def vanish(self) -> None:
        """The server is gone: every connection ends without a word."""
        self.shell.vanish()
        self._polls.stop()

    # What long polling asks and tells (`longpoll.Owner`).

    def admit(self, upgrade: Upgrade) -> Admission:
        node = self.node
        try:
            return admit(upgrade, node.config, node.switches, node.limits, self.shell.now_s())
        except Refusal as refusal:
            self.refused(refusal)
            raise

    def opened(self, session: Session, admission: Admission) -> None:
        self.shell.opened(session, admission)

    def received(self, session: Session, frame: str | bytes) -> None:
        self.shell.received(session, frame)

    def unblocked(self, session: Session) -> None:
        self.shell.unblocked(session)

    def overflowed(self, session: Session, waiting_bytes: int) -> None:
        self.shell.overflowed(session, waiting_bytes)

    def ended(self, session: Session, code: int, by: str) -> None:
        self.shell.ended(session, code, by)
        self._polls.forget(session)
        # What is being performed may still want to write to it.
        asyncio.get_running_loop().call_soon(self.shell.gone, session)

    def _ground(self) -> Ground:
        return Ground(
            node=self.node,
            perform=self.shell.perform,
            freeze=self.shell.freeze,
            jump=self.shell.jump,
            halt=self.house.halt,
            resume=self.house.resume,
            terminate=self.house.terminate,
            drain=self.shell.drain,
            update_tenant=lambda fields: self.update(dict(fields)),
            now_s=self.shell.now_s,
            draw_seed=lambda: self._rng.getrandbits(64),
        )


def truth(projects: Sequence[Project]) -> dict[str, Any]:
    """What is known to be true of these tenants together."""
    shells = [(project.name, project.shell) for project in projects]
    return {
        "connections": [
            one
            for name, shell in shells
            for one in connections(name, shell.lines, shell.node.clients())
        ],
        "membership": [
            one for name, shell in shells for one in members(name, shell.node.channels(Where()))
        ],
        "mails": [
            {"tenant": name, **mail} for name, shell in shells for mail in shell.node.mails()
        ],
        "counters": total(shell.counts.told(shell.lines.values()) for _, shell in shells),
    }
