"""The fake server: the core behind real WebSockets, its tokens, levers, and ground truth."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.http11 import Request, Response

from fake_server.api import refused
from fake_server.board import Board, Lever
from fake_server.config import ServerConfig
from fake_server.core.effects import (
    Arrive,
    Block,
    Effect,
    Hangup,
    Kill,
    Later,
    Send,
    SendAll,
    Truth,
)
from fake_server.database import Database
from fake_server.ground_truth import Counts, connections, members
from fake_server.handshake import Admission, Refusal, Upgrade, admit, admit_upgrade
from fake_server.http import Answer, Route
from fake_server.http import Request as HttpRequest
from fake_server.http.front import Front
from fake_server.http.message import phrase
from fake_server.longpoll import LongPolling, Session
from fake_server.node import Node
from fake_server.registry import Ground
from fake_server.tokens import sign
from fake_server.where import Where
from fake_server.wire import Wire, framed

OnTruth = Callable[[str, Mapping[str, Any]], None]

_LOG = logging.getLogger("fake_server")
_KEY_LIFETIME_S = 10 * 365 * 24 * 3600
_OPEN_TIMEOUT_S = 60.0
_TIMER_STEP_S = 0.001
_VANISHED = 1006
_LATE_FRAMES_MAX = 100_000
_HALT_S = 5.0
"""How long the process lives on after SIGTERM while connections are open."""


class FakeServer:
    """A Supabase Realtime server that can be started, watched, and broken.

    `on_truth(f, value)` hears each act of the server at the moment it happens, with the ops that
    process `server` has in a history. `clock` gives seconds since the epoch; `rng` feeds what is
    random on the wire. Everything else follows the running event loop, so the server runs unchanged
    in virtual time.
    """

    def __init__(
        self,
        config: ServerConfig | None = None,
        on_truth: OnTruth | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self.config = config or ServerConfig()
        self.host = "127.0.0.1"
        self.port = 0
        self._on_truth = on_truth
        self._true_clock = clock
        self._clock_ahead_s = 0.0
        self._rng = rng or random.Random()
        self._node = Node(self.config, self._rng, clock())
        self._node.database.on_commit = self._look_at_timer
        self._server: Server | None = None
        self._open: dict[Wire | Front, None] = {}
        self._wires: dict[int, Wire | Session] = {}
        self._polls = LongPolling(self, self._rng, self.config.outbox_bytes_max)
        self._node.add_socket(Route("*", "/socket/longpoll", self._polls.answer))
        self._board = Board(self._ground())
        self._late_frames = 0
        self._counts = Counts()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s: float | None = None
        self._logger = _websockets_logger()

    # Where it is, and who may use it.

    @property
    def url(self) -> str:
        """The address of the gateway, for clients."""
        return f"ws://{self._authority}/realtime/v1"

    @property
    def http_url(self) -> str:
        """The base address of everything over HTTP, as `create_client` takes it."""
        return f"http://{self._authority}"

    @property
    def apikey(self) -> str:
        """The anonymous API key, good for ten years."""
        return self._sign("anon", _KEY_LIFETIME_S, jti="apikey")

    def key(self, sub: str) -> str:
        """An anonymous API key that names its holder, so that the ground truth can."""
        return self._sign("anon", _KEY_LIFETIME_S, sub=sub, jti=f"apikey-{sub}")

    def token(
        self, sub: str, token_id: str, lifetime_s: float = 3600, role: str = "authenticated"
    ) -> str:
        """An access token; the ground truth calls it `token_id`."""
        return self._sign(role, lifetime_s, sub=sub, jti=token_id)

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def _sign(self, role: str, lifetime_s: float, **claims: str) -> str:
        issued_s = int(self._clock())
        times = {"iat": issued_s, "exp": issued_s + round(lifetime_s)}
        return sign({"iss": "supabase", "role": role, **times, **claims}, self.config.jwt_secret)

    @property
    def database(self) -> Database:
        """The project's tables: SQL, rows and what was written, as the clients find them."""
        return self._node.database

    # Running.

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, at first or again; port 0 is the port of the last time, or any free one.

        Raises `OSError` if the port is taken, `RuntimeError` if the server runs already.
        """
        if self._server is not None:
            raise RuntimeError(f"the server runs already, at {self.url}: stop it first")
        loop = asyncio.get_running_loop()
        server = Server(
            self._serve,
            process_request=self._process_request,
            process_response=_process_response,
            server_header="Cowboy",
            open_timeout=_OPEN_TIMEOUT_S,
            logger=self._logger,
        )
        listener = await loop.create_server(
            lambda: Front(self, lambda: Wire(server, self, self.config, self._logger)),
            host,
            port or self.port,
        )
        server.wrap(listener)
        self._server = server
        self._node.started(self._clock())
        self.host, self.port = host, listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Vanish as after SIGKILL: no listener, connections gone without a close frame, all joins
        forgotten. Does nothing when the server does not run."""
        self._board.abandon("restart")
        await self._halt()

    async def _halt(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close(close_connections=False)
        self._perform(self._node.vanished(_VANISHED))
        self._polls.stop()
        for wire in list(self._open):
            wire.vanish()
        await server.wait_closed()

    async def kill(self) -> None:
        """SIGKILL: the same as `stop`."""
        await self.stop()

    async def terminate(self) -> None:
        """SIGTERM: no listener; connections with channels are closed with 1012, the rest dies
        without a close frame when the process ends, after at most 5 s (recorded). A channel with
        something tracked gets `phx_error`, and its connection dies then too."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        self._perform(self._node.terminate(self._clock()))
        lost = [asyncio.ensure_future(wire.wait_closed()) for wire in self._wires.values()]
        if lost:
            await asyncio.wait(lost, timeout=_HALT_S)
        await self.stop()
        await asyncio.gather(*lost)

    # The tenant.

    def update_tenant(self, **fields: Any) -> None:
        """Change settings of the tenant, with the names of the real server's API (`max_…`,
        `jwt_secret`, `private_only`, `suspend`, `presence_enabled`, …; `tenant.FIELDS`). Some
        disconnect everybody. Raises `BadTenant`, a `ValueError`, for what cannot be set."""
        effects = self._node.update_tenant(fields)
        self.config = self._node.config
        self._perform(effects)

    def reload_tenant(self) -> None:
        """What the admin API's `reload` does: every connection with a channel is closed."""
        self._perform(self._node.disconnect_tenant())

    def shutdown_tenant(self) -> None:
        """What the admin API's `shutdown` does: the tenant's connection to its database starts
        anew, of which clients see nothing (recorded)."""
        _LOG.info("the tenant's database connection was restarted")

    # Levers.

    def pull(self, name: str, /, **parameters: Any) -> Lever:
        """Pull a lever of `docs/levers.md`, as `pull("late", delay_s=3, answers="phx_join")`; it
        stays pulled until `heal`, its own or the server's, or happens once.

        Raises `BadLever`, a `ValueError`, for an unknown lever, parameter or value.
        """
        return self._board.pull(name, parameters)

    @property
    def pulled(self) -> list[Lever]:
        """The levers that are not healed yet."""
        return self._board.pulled

    async def drain(self, batch: int = 10_000, gap_s: float = 2.0, code: int = 1012) -> None:
        """Close the live connections with `code`, `batch` at a time with `gap_s` seconds between;
        new ones are accepted, as by another node. Raises `ValueError` for a batch below 1."""
        if batch < 1:
            raise ValueError(f"batch: {batch} connections cannot be closed at a time; at least 1")
        await self._drain(self._node.connections, batch, gap_s, code)

    async def _drain(self, conns: list[int], batch: int, gap_s: float, code: int) -> None:
        for first in range(0, len(conns), batch):
            if first:
                await asyncio.sleep(gap_s)
            self._perform(self._node.hang_up(conns[first : first + batch], code))

    async def close_connections(self, code: int) -> None:
        """Close every live connection with this close code."""
        self.pull("close", code=code)

    def kill_connections(self) -> None:
        """The process of every live connection is killed, as when it holds more than 50 MB: gone
        without a close frame (`protocol.md §1.9`)."""
        self.pull("memory_kill")

    def mute_live(self) -> None:
        """The applications behind the live connections stop for good: WebSocket pings are answered,
        no Phoenix frame is sent ever again; new connections work."""
        self.pull("mute_live")

    def mute(self, on: bool) -> None:
        """The same for all connections, live and new, until it is taken back."""
        self._board.swap("mute_app", {} if on else None)

    def freeze_live(self) -> None:
        """Half-open: the live connections are neither read nor written ever again, not even for
        pongs, and stay open. The server counts them as idle and forgets them when their time is
        up; their peers are not told."""
        self.pull("freeze_live")

    def answer_joins_late(self, delay_s: float, count: int | None = None) -> None:
        """Answer the next `count` joins (None: all) after `delay_s`; the socket is blocked until
        then, and the order of the protocol is kept. 0 seconds ends it."""
        late = {"delay_s": delay_s, "count": count}
        self._board.swap("late_joins", late if delay_s else None)

    def refuse_upgrades(self, status: int | None, retry_after_s: int | None = None) -> None:
        """Refuse every upgrade at once with an HTTP status; None ends it."""
        refusal = {"status": status, "retry_after_s": retry_after_s}
        self._board.swap("http", None if status is None else refusal)

    def accept_then_close(self, code: int | None) -> None:
        """Let every handshake succeed and close at once with `code`; None ends it."""
        self._board.swap("accept_then_close", None if code is None else {"code": code})

    def heal(self) -> None:
        """Take every lever back that can be; what was muted or frozen for good stays so."""
        self._board.heal()

    def _ground(self) -> Ground:
        return Ground(
            node=self._node,
            perform=self._perform,
            freeze=self._freeze,
            jump=self._jump,
            halt=self._halt,
            resume=lambda: self.start(self.host, self.port),
            drain=self._drain,
            update_tenant=lambda fields: self.update_tenant(**fields),
            draw_seed=lambda: self._rng.getrandbits(64),
        )

    def _freeze(self, conns: list[int]) -> None:
        for conn in conns:
            self._wires[conn].freeze()

    def _jump(self, by_s: float) -> None:
        self._clock_ahead_s += by_s
        self._timer_due_s = None
        self._set_timer()

    # What it does itself, and what it knows.

    def publish(self, topic: str, event: str, payload: Any) -> int:
        """Broadcast to the public channels of a sub-topic, as a REST call does; returns how many
        there are."""
        receivers, effects = self._node.publish(topic, event, payload, self._clock())
        self._perform(effects)
        return receivers

    def membership(self) -> list[dict[str, Any]]:
        """Who is joined to what: conn, client, topic, join_ref, in order of arrival."""
        return self._node.membership()

    def truth(self) -> dict[str, Any]:
        """Everything that the server knows to be true: whether it listens, who is connected and
        joined with which token (its `jti`), and the counts. Holds no secrets."""
        return {
            "now_s": self._clock(),
            "listening": self._server is not None,
            "connections": connections(self._wires, self._node.clients()),
            "membership": members(self._node.channels(Where())),
            "counters": self._counts.told(self._wires.values()),
        }

    # What the wires tell (`wire.Owner`).

    def made(self, wire: Wire) -> None:
        self._open[wire] = None

    def received(self, wire: Wire | Session, frame: str | bytes) -> None:
        self._perform(self._node.receive(wire.conn, frame, self._clock()))

    def unblocked(self, wire: Wire | Session) -> None:
        self._perform(self._node.resume(wire.conn, self._clock()))

    def idle(self, wire: Wire) -> None:
        self._perform(self._node.hang_up([wire.conn], 1000))

    def overflowed(self, wire: Wire | Session, waiting_bytes: int) -> None:
        _LOG.warning(
            "conn %d does not read: dropped with %d bytes waiting", wire.conn, waiting_bytes
        )
        wire.vanish()
        self._perform(self._node.closed(wire.conn, _VANISHED, "server"))

    def ended(self, wire: Wire | Session, code: int, by: str) -> None:
        self._perform(self._node.closed(wire.conn, code, by))
        if isinstance(wire, Session):
            self._polls.forget(wire)
            # What is being performed may still want to write to it.
            asyncio.get_running_loop().call_soon(self._wires.pop, wire.conn, None)

    def lost(self, wire: Wire) -> None:
        self._open.pop(wire, None)

    # What long polling asks besides (`longpoll.Owner`).

    def admit(self, upgrade: Upgrade) -> Admission:
        try:
            return admit(upgrade, self.config, self._node.levers, self._node.limits, self._clock())
        except Refusal as refusal:
            self._perform(self._node.refused(refusal.status, refusal.client))
            raise

    def opened(self, wire: Session, admission: Admission) -> None:
        wire.conn, effects = self._node.opened(admission)
        self._wires[wire.conn] = wire
        self._perform(effects)

    # What the fronts tell and ask (`http.front.Owner`).

    def arrived(self, front: Front) -> None:
        self._open[front] = None

    def departed(self, front: Front) -> None:
        self._open.pop(front, None)

    def request_id(self) -> str:
        return urlsafe_b64encode(self._rng.randbytes(15)).decode()

    def now_s(self) -> float:
        return self._clock()

    def answer(self, request: HttpRequest) -> Answer:
        answer, effects = self._node.answer(request, self._clock())
        self._perform(effects)
        return answer

    # The shell.

    async def _process_request(self, wire: ServerConnection, request: Request) -> Response | None:
        assert isinstance(wire, Wire)
        upgrade = Upgrade.of(request.path, _headers(request.headers))
        try:
            wire.admission = admit_upgrade(
                upgrade, self.config, self._node.levers, self._node.limits, self._clock()
            )
        except Refusal as refusal:
            if not await wire.lost_within(refusal.delay_s):
                _LOG.info("refused an upgrade: %d %s", refusal.status, refusal.body)
                self._perform(self._node.refused(refusal.status, refusal.client))
            return self._refusal(refusal)
        return None

    async def _serve(self, wire: ServerConnection) -> None:
        assert isinstance(wire, Wire)
        assert wire.admission is not None
        conn, effects = self._node.opened(wire.admission)
        wire.open(conn)
        self._wires[conn] = wire
        self._perform(effects)
        wire.ready()
        try:
            await wire.close(await wire.hung_up)
        finally:
            del self._wires[conn]
            self._counts.ended(wire)

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Do what the core wants; what is for a wire that has just gone has nobody to reach."""
        for effect in effects:
            match effect:
                case Send(conn, frame) if conn in self._wires:
                    self._wires[conn].write(framed(frame))
                case SendAll(conns, frame):
                    data = framed(frame)
                    for conn in conns:
                        if conn in self._wires:
                            self._wires[conn].write(data)
                case Hangup(conn, code) if conn in self._wires:
                    self._wires[conn].hang_up(code)
                case Kill(conn) if conn in self._wires:
                    self._wires[conn].vanish()
                case Block(conn, delay_s) if conn in self._wires:
                    self._wires[conn].block(delay_s)
                case Arrive(conn, frame) if conn in self._wires:
                    self._wires[conn].when_unblocked(partial(self._arrive, conn, frame))
                case Later(delay_s, then):
                    self._in_a_while(delay_s, then)
                case Truth(f, value):
                    self._counts.act(f)
                    if self._on_truth is not None:
                        self._on_truth(f, value)
        self._set_timer()

    def _arrive(self, conn: int, frame: str | bytes) -> None:
        self._perform(self._node.arrive(conn, frame, self._clock()))

    def _in_a_while(self, delay_s: float, then: Send | Arrive) -> None:
        if self._late_frames == _LATE_FRAMES_MAX:
            _LOG.warning(
                "conn %d: %d frames are late already, one more is not", then.conn, _LATE_FRAMES_MAX
            )
            self._perform([then])
            return
        self._late_frames += 1
        asyncio.get_running_loop().call_later(delay_s, self._perform_late, then)

    def _perform_late(self, then: Send | Arrive) -> None:
        self._late_frames -= 1
        if then.conn in self._wires:
            self._perform([then])

    def _clock(self) -> float:
        """Seconds since the epoch, as the server believes."""
        return self._true_clock() + self._clock_ahead_s

    def _set_timer(self) -> None:
        due_s = self._node.next_due_s
        if due_s == self._timer_due_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s, self._timer = due_s, None
        if due_s is not None:
            delay_s = max(due_s - self._clock(), _TIMER_STEP_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _look_at_timer(self) -> None:
        """Something was committed: changes and messages have to go out while the server runs."""
        if self._server is not None:
            self._set_timer()

    def _due(self) -> None:
        self._timer_due_s = self._timer = None
        self._perform(self._node.due(self._clock()))

    def _refusal(self, refusal: Refusal) -> Response:
        response = refused(refusal, self.request_id())
        headers = {
            **response.headers,
            "content-length": str(len(response.body)),
            "date": formatdate(self._clock(), usegmt=True),
            "vary": "accept-encoding",
        }
        ordered = Headers(sorted(headers.items()))
        return Response(response.status, phrase(response.status), ordered, response.body)


def _process_response(wire: ServerConnection, request: Request, response: Response) -> None:
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers["cache-control"] = "max-age=0, private, must-revalidate"


def _headers(headers: Headers) -> dict[str, str]:
    """The headers by lower-case name; of repeated ones the values joined, as Cowboy does."""
    found: dict[str, str] = {}
    for name, value in headers.raw_items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _websockets_logger() -> logging.Logger:
    """The library's logger without frames and requests, which hold keys, and without the
    tracebacks of handshakes that a client broke off; those of our own bugs it shows."""
    logger = logging.getLogger("fake_server.websockets")
    logger.setLevel(logging.ERROR)
    logger.addFilter(_not_a_broken_handshake)
    return logger


def _not_a_broken_handshake(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, WebSocketException | OSError | EOFError)
