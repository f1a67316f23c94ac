"""The switches that are thrown at present, and what the core asks of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fake_server.switches.rules import Rules
from fake_server.switches.trouble import Trouble
from fake_server.switches.where import Choice, Where


class Kind(Enum):
    """What can be switched."""

    MUTE = "no application speaks: WebSocket pings are answered, no Phoenix frame ever"
    LATE_JOIN = "a join is answered so many seconds late, and the socket waits"
    ERROR = "a request is answered with this error and does nothing"
    REFUSE = "an upgrade is refused with this HTTP status and `Retry-After`"
    TROUBLE = "the database cannot be reached, or its row policies cannot be asked"
    DELETED = "the server knows no tenant of this name any more"
    ANSWER = "an HTTP request is answered with this status and `Retry-After`, and does nothing"
    CLOSE = "a connection is closed with this code right after its handshake"
    FEED_LOSS = "a change of the database is lost on its way to a channel"
    SUBSCRIBED_MISSING = "a channel is subscribed to changes, and is not told"
    SUBSCRIBED_REPEATED = "a channel is told again so many times, so far apart, that it is"
    SUBSCRIBED_LATE = "a channel is subscribed to changes so many seconds late"
    SUBSCRIPTION_ERROR = "a channel cannot be subscribed for this reason, and is again later"


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """How an upgrade, or another request over HTTP, is refused."""

    status: int
    retry_after_s: int | None = None
    error: str | None = None
    """As the real server refuses an upgrade with these words (`handshake.CONNECT_ERRORS`)."""
    delay_s: float = 0.0


@dataclass(eq=False, slots=True)
class Switch:
    """One thing that is switched on: its value, where, and how often."""

    kind: Kind
    value: Any = True
    where: Where = field(default_factory=Where)
    choice: Choice = field(default_factory=Choice)


class Switches:
    """Everything that is switched on at present; of several that apply, the latest counts."""

    def __init__(self, *switches: Switch) -> None:
        self.rules = Rules()
        """What happens to single frames."""
        self._switches: dict[Kind, list[Switch]] = {kind: [] for kind in Kind}
        for switch in switches:
            self.throw(switch)

    def throw(self, switch: Switch) -> None:
        """Switch on."""
        self._switches[switch.kind].insert(0, switch)

    def take_back(self, switch: Switch) -> None:
        """Switch off. Idempotent."""
        if switch in self._switches[switch.kind]:
            self._switches[switch.kind].remove(switch)

    def mutes(self, conn: int, client: str | None) -> bool:
        """Whether the application behind this connection is silent."""
        muting = self._switches[Kind.MUTE]
        return bool(muting) and any(switch.where.covers(conn, client) for switch in muting)

    @property
    def has_trouble(self) -> bool:
        """Whether anything is wrong with the database, for anybody."""
        return bool(self._switches[Kind.TROUBLE])

    @property
    def database_is_down(self) -> bool:
        """Whether nobody at all reaches the database, so that its log is not read either."""
        return any(
            switch.value.is_outage and switch.where == Where() and switch.choice.is_all
            for switch in self._switches[Kind.TROUBLE]
        )

    def trouble(
        self, conn: int | None, client: str | None, topic: Any, *, asks_policies: bool
    ) -> Trouble | None:
        """What is wrong with the connection to the database, or else with its row policies, for
        this channel; counts it."""
        for switch in self._switches[Kind.TROUBLE]:
            trouble: Trouble = switch.value
            applies = switch.where.covers(conn, client) and switch.where.names(topic)
            if trouble.asks_policies is asks_policies and applies and switch.choice.takes():
                return trouble
        return None

    @property
    def tenant_is_deleted(self) -> bool:
        """Whether the tenant is not known any more."""
        return bool(self._switches[Kind.DELETED])

    @property
    def refuses(self) -> bool:
        """Whether any upgrade may have to be refused."""
        return bool(self._switches[Kind.REFUSE])

    def refusal(self, client: str | None) -> HttpRefusal | None:
        """How the upgrade of this client is refused; counts it."""
        found: HttpRefusal | None = self._take(Kind.REFUSE, None, client)
        return found

    @property
    def answers(self) -> bool:
        """Whether any other request may have to be refused."""
        return bool(self._switches[Kind.ANSWER])

    def answer(self, client: str | None, path: str) -> HttpRefusal | None:
        """How this client's request for a path is refused; counts it."""
        for switch in self._switches[Kind.ANSWER]:
            where = switch.where
            meant = where.covers(None, client) and where.leads(path)
            if meant and switch.choice.takes():
                found: HttpRefusal = switch.value
                return found
        return None

    def close_code(self, conn: int, client: str | None) -> int | None:
        """The code that this new connection is closed with; counts it."""
        found: int | None = self._take(Kind.CLOSE, conn, client)
        return found

    def join_delay_s(self, conn: int, client: str | None, topic: Any) -> float:
        """How late this join is answered; counts it."""
        found: float | None = self._take(Kind.LATE_JOIN, conn, client, topic)
        return found or 0.0

    def error(self, conn: int, client: str | None, topic: Any, event: Any) -> str | None:
        """The reason with which this request is answered in place of what it asks; counts it."""
        found: str | None = self._take(Kind.ERROR, conn, client, topic, event)
        return found

    def loses_change(self, conn: int, client: str | None, topic: Any, kind: str) -> bool:
        """Whether this change is lost on its way to this channel; counts it."""
        return bool(self._take(Kind.FEED_LOSS, conn, client, topic, kind))

    def subscribed_missing(self, conn: int, client: str | None, topic: Any) -> bool:
        """Whether this channel is not told that it is subscribed; counts it."""
        return bool(self._take(Kind.SUBSCRIBED_MISSING, conn, client, topic))

    def subscribed_repeats(self, conn: int, client: str | None, topic: Any) -> tuple[int, float]:
        """How many more times this channel is told that it is, and how far apart; counts it."""
        found: tuple[int, float] | None = self._take(Kind.SUBSCRIBED_REPEATED, conn, client, topic)
        return found or (0, 0.0)

    def subscribed_delay_s(self, conn: int, client: str | None, topic: Any) -> float:
        """How late this channel is subscribed; counts it."""
        found: float | None = self._take(Kind.SUBSCRIBED_LATE, conn, client, topic)
        return found or 0.0

    def subscription_error(self, conn: int, client: str | None, topic: Any) -> str | None:
        """Why this channel cannot be subscribed just now; counts it."""
        found: str | None = self._take(Kind.SUBSCRIPTION_ERROR, conn, client, topic)
        return found

    def _take(
        self,
        kind: Kind,
        conn: int | None,
        client: str | None,
        topic: Any = None,
        event: Any = None,
    ) -> Any:
        for switch in self._switches[kind]:
            where = switch.where
            applies = (
                where.covers(conn, client)
                and where.names(topic)
                and where.event in (None, event)
                and switch.choice.takes()
            )
            if applies:
                return switch.value
        return None
