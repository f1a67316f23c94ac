"""The fake server: it listens, ends, and comes back; what its tenants do is theirs."""

from __future__ import annotations

import asyncio
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fake_server import life
from fake_server.config import ServerConfig
from fake_server.http import Answer, Request
from fake_server.levers.board import Lever
from fake_server.port import Port
from fake_server.project import House, Project, truth
from fake_server.shell import OnTruth
from fake_server.tenancy import Tenancy
from fake_server.tenants import Tenants, gateway_path

_ENDINGS = ("restart", "sigterm")
"""The levers that end the server, and begin it again when they are healed."""


class FakeServer(Tenancy):
    """A Supabase Realtime server that can be started, watched, and broken.

    Several `config`s are as many tenants. What a tenant has and can is here for the first one, and
    `tenant(name)` gives the same for each. `on_truth(f, value)` hears each act of the server at the
    moment it happens, with the ops that process `server` has in a history; the value names the
    tenant when there are several. `clock` gives seconds since the epoch; `rng` feeds what is random
    on the wire. Everything else follows the running event loop, so the server runs unchanged in
    virtual time.

    Raises `ValueError` for two tenants of one name.
    """

    def __init__(
        self,
        config: ServerConfig | Sequence[ServerConfig] | None = None,
        on_truth: OnTruth | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        configs = _configs(config)
        self.host = "127.0.0.1"
        self.port = 0
        self._starts = 0
        self._rng = rng or random.Random()
        house = House(
            clock,
            self._halt,
            resume=lambda: self.start(self.host, self.port),
            terminate=self._terminate,
            address=lambda: self._address_of_port,
        )
        several = len(configs) > 1
        self._tenants = Tenants(
            [
                Project(
                    each,
                    # What one tenant draws must not change what another one draws.
                    self._rng if number == 0 else random.Random(self._rng.getrandbits(64)),
                    house,
                    _naming(each.tenant, on_truth) if several and on_truth else on_truth,
                    gateway_path(each.tenant, is_default=number == 0),
                )
                for number, each in enumerate(configs)
            ]
        )
        super().__init__(self._tenants.default)
        self._port = Port(self, configs[0])

    @property
    def tenants(self) -> list[str]:
        """The names of all tenants; the gateway's own is the first."""
        return [project.name for project in self._tenants]

    def tenant(self, name: str) -> Tenancy:
        """One tenant: its addresses, keys, settings, levers and truth. Raises `UnknownTenant`, a
        `ValueError`."""
        return Tenancy(self._tenants.named(name))

    @property
    def _address_of_port(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    # Running.

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, at first or again; port 0 is the port of the last time, or any free one.

        Raises `OSError` if the port is taken, `RuntimeError` if the server runs already.
        """
        if self._port.is_open:
            raise RuntimeError(f"the server runs already, at {self.url}: stop it first")
        self.port = await self._port.open(host, port or self.port)
        self.host = host
        self._starts += 1
        for project in self._tenants:
            project.shell.started()

    async def stop(self) -> None:
        """Vanish as after SIGKILL: no listener, connections gone without a close frame, all joins
        forgotten. Does nothing when the server does not run."""
        self._abandon()
        await self._halt()

    def _abandon(self) -> None:
        """No lever begins the server again."""
        for project in self._tenants:
            for name in _ENDINGS:
                project.board.abandon(name)

    async def _halt(self) -> None:
        await self._port.close(self._vanish)

    def _vanish(self) -> None:
        for project in self._tenants:
            project.vanish()

    async def kill(self) -> None:
        """SIGKILL: the same as `stop`."""
        await self.stop()

    async def terminate(self) -> None:
        """SIGTERM: no listener; connections with channels are closed with 1012, 10,000 channels
        every 2 s, the rest dies without a close frame when the process ends, after at most 5 s more
        (recorded). A channel with something tracked gets `phx_error`, and its connection dies then
        too. A join is refused with `RealtimeRestarting` if there is time for that, and requests are
        answered on HTTP connections that are kept alive."""
        self._abandon()
        await self._terminate(life.DRAIN_BATCH, life.DRAIN_GAP_S, life.LINGER_S)

    async def _terminate(self, batch: int, gap_s: float, linger_s: float) -> None:
        if not self._port.is_open:
            return
        starts = self._starts
        self._port.accept_no_more()
        await self._drain_all(batch, gap_s)
        lines = [line for project in self._tenants for line in project.shell.lines.values()]
        lost = [asyncio.ensure_future(line.wait_closed()) for line in lines]
        empty = asyncio.ensure_future(self._port.wait_empty())
        await asyncio.wait([*lost, empty], timeout=linger_s)
        empty.cancel()
        if starts == self._starts:
            await self._halt()
        await asyncio.gather(*lost)

    async def _drain_all(self, size: int, gap_s: float) -> None:
        """Close the connections with channels, of all tenants in order of arrival."""
        projects: dict[int, Project] = {}
        channels: dict[int, int] = {}
        for project in self._tenants:
            found = project.node.terminate(project.shell.now_s())
            channels.update(found)
            projects.update(dict.fromkeys(found, project))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for number, batch in enumerate(life.batches(dict(sorted(channels.items())), size)):
            if number:
                await asyncio.sleep(gap_s)
            if loop.time() - began_s > life.DRAIN_S:
                return
            for project in self._tenants:
                conns = [conn for conn in batch if projects[conn] is project]
                project.shell.perform(project.node.drain(conns))

    # All tenants.

    def pull(self, name: str, /, *, tenant: str | None = None, **parameters: Any) -> Lever:
        """Pull a lever of `docs/levers.md` for one tenant, the first if none is named; it stays
        pulled until `heal`, its own or the server's, or happens once.

        Raises `BadLever` and `UnknownTenant`, both a `ValueError`, for what is not known.
        """
        return self._tenants.named(tenant).board.pull(name, parameters)

    @property
    def pulled(self) -> list[Lever]:
        """The levers of all tenants that are not healed yet, in the order of their pulls."""
        pulled = [lever for project in self._tenants for lever in project.board.pulled]
        return sorted(pulled, key=lambda lever: lever.id)

    def heal(self, tenant: str | None = None) -> None:
        """Take every lever back that can be, of one tenant or of all; what was muted or frozen for
        good stays so. Raises `UnknownTenant`."""
        for project in self._chosen(tenant):
            project.board.heal()

    def truth(self, tenant: str | None = None) -> dict[str, Any]:
        """Everything that the server knows to be true, of one tenant or of all: whether it listens,
        who is connected and joined with which token (its `jti`), the mails of sign-in, and the
        counts. Holds no secrets but the codes in those mails.

        Raises `UnknownTenant`.
        """
        chosen = self._chosen(tenant)
        now_s = chosen[0].shell.now_s()
        return {"now_s": now_s, "listening": self._port.is_open, **truth(chosen)}

    def _chosen(self, tenant: str | None) -> list[Project]:
        return list(self._tenants) if tenant is None else [self._tenants.named(tenant)]

    # What the port asks (`port.Owner`).

    def asked(self, host: str, target: str) -> tuple[Project, str]:
        """The tenant that a request is for, and the target there."""
        return self._tenants.asked(host, target)

    def answer(self, request: Request) -> Answer:
        """Answer a whole request over HTTP."""
        project, target = self._tenants.asked(request.headers.get("host", ""), request.target)
        return project.answer(
            request if target == request.target else replace(request, target=target)
        )

    def request_id(self) -> str:
        """A new `x-request-id`."""
        return urlsafe_b64encode(self._rng.randbytes(15)).decode()


def _configs(config: ServerConfig | Sequence[ServerConfig] | None) -> list[ServerConfig]:
    """One for each tenant. Raises `ValueError`."""
    if isinstance(config, Sequence):
        names = [each.tenant for each in config]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"tenants: {names} is no list of one or more different names")
        return list(config)
    return [config or ServerConfig()]


def _naming(tenant: str, on_truth: OnTruth) -> OnTruth:
    """Tells the tenant with each act."""

    def told(f: str, value: Mapping[str, Any]) -> None:
        on_truth(f, {"tenant": tenant, **value})

    return told
