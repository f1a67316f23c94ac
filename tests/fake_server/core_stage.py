"""The core on a stage without a loop: clients that speak V2, and what each of them is sent."""

from __future__ import annotations

import json
import random
from typing import Any

from fake_server import ServerConfig
from fake_server.effects import Effect, Send, SendAll
from fake_server.handshake import Admission
from fake_server.node import Node
from fake_server.tokens import sign
from harness.protocol import V2
from tests.fake_server.recorded_policies import RECORDED_SCHEMA

NOW_S = 1_800_000_000.0
SECRET = ServerConfig().jwt_secret


def token(role: str = "authenticated", lifetime_s: int = 3600, **claims: Any) -> str:
    """A token that the core takes."""
    return sign({"role": role, "exp": int(NOW_S) + lifetime_s, **claims}, SECRET)


class Core:
    """A node with the recorded policies that answers refused joins at once."""

    def __init__(self, **config: Any) -> None:
        at_once = {"join_error_delay_s": 0.0, "subscribe_s": 0.0, "database_cold_s": 0.0}
        settings = {"schema": RECORDED_SCHEMA, **at_once, **config}
        self.node = Node(ServerConfig(**settings), random.Random(1))
        self.now_s = NOW_S
        self._ref = 0

    def client(self, role: str = "anon") -> Client:
        """A new connection, its key of this role."""
        conn, _ = self.node.opened(Admission(V2, token(role), None))
        return Client(self, conn)

    def sent(self, effects: list[Effect]) -> dict[int, list[Any]]:
        """The frames among the effects, by connection."""
        found: dict[int, list[Any]] = {}
        for effect in effects:
            if isinstance(effect, Send | SendAll):
                for conn in [effect.conn] if isinstance(effect, Send) else effect.conns:
                    found.setdefault(conn, []).append(json.loads(effect.frame))
        return found

    def next_ref(self) -> str:
        self._ref += 1
        return str(self._ref)


class Client:
    """One connection; each act gives what it was sent in answer, `heard` what others were."""

    def __init__(self, core: Core, conn: int) -> None:
        self.core = core
        self.conn = conn
        self.heard: dict[int, list[Any]] = {}

    def push(self, event: str, payload: Any, topic: str = "room") -> list[Any]:
        """Send a message with the join_ref `1`; returns the frames that came back."""
        message = ["1", self.core.next_ref(), f"realtime:{topic}", event, payload]
        effects = self.core.node.receive(self.conn, json.dumps(message), self.core.now_s)
        self.heard = self.core.sent(effects)
        return self.heard.get(self.conn, [])

    def join(
        self,
        topic: str = "room",
        *,
        key: Any = "k",
        enabled: bool = True,
        private: bool = False,
        access_token: str | None = None,
        **config: Any,
    ) -> list[Any]:
        """Join with presence."""
        presence = {"key": key, "enabled": enabled}
        body: dict[str, Any] = {"config": {"presence": presence, "private": private, **config}}
        if access_token is not None:
            body["access_token"] = access_token
        return self.push("phx_join", body, topic)

    def track(self, payload: Any, topic: str = "room") -> list[Any]:
        """Track a payload."""
        asked = {"type": "presence", "event": "track", "payload": payload}
        return self.push("presence", asked, topic)

    def close(self) -> dict[int, list[Any]]:
        """End the connection; returns what others were sent."""
        return self.core.sent(self.core.node.closed(self.conn, 1000, "client"))


def reason(frames: list[Any]) -> Any:
    """The reason in the one reply among the frames."""
    (reply,) = frames
    assert reply[3] == "phx_reply"
    return reply[4]["response"]["reason"]


def status(frames: list[Any]) -> Any:
    """The status of the first frame, a reply."""
    assert frames[0][3] == "phx_reply"
    return frames[0][4]["status"]


def ending(frames: list[Any]) -> str:
    """The words of the system error with which the server ended the channel."""
    system, close = frames
    assert [system[3], close[3]] == ["system", "phx_close"]
    assert system[4]["status"] == "error"
    return str(system[4]["message"])
