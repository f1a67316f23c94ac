"""What a lever is about: which connections, topics and events, and which of their frames."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from harness.protocol import TOPIC_PREFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A scope: None is all, so the default is everything on every connection."""

    conn: int | None = None
    """The number of the connection, as the ground truth names it."""
    client: str | None = None
    """The `sub` of the key that the client connected with."""
    topic: str | None = None
    """A topic, whole or without `realtime:`; `room-*` is every one that begins with `room-`."""
    event: str | None = None
    """The event of the message."""
    answers: str | None = None
    """The event of the request that the message replies to, such as `phx_join`."""

    path: str | None = None
    """Of a request over HTTP; `/rest/v1/*` is every one that begins with `/rest/v1/`."""

    def covers(self, conn: int | None, client: str | None) -> bool:
        """Whether this connection is meant; an upgrade has no number yet."""
        return self.conn in (None, conn) and self.client in (None, client)

    def names(self, topic: Any) -> bool:
        """Whether this topic, as it is on the wire, is meant."""
        if self.topic is None:
            return True
        if not isinstance(topic, str):
            return False
        spellings = (topic, topic.removeprefix(TOPIC_PREFIX))
        if self.topic.endswith("*"):
            return any(spelling.startswith(self.topic[:-1]) for spelling in spellings)
        return self.topic in spellings

    def leads(self, path: str) -> bool:
        """Whether this path of a request is meant."""
        if self.path is not None and self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return self.path in (None, path)


@dataclass(slots=True, kw_only=True)
class Choice:
    """Which of those that are in scope are struck, and how many were; the default is all."""

    nth: int | None = None
    """Only this one, counted from 1 since the lever was pulled."""
    count: int | None = None
    """No more than so many."""
    share: float = 1.0
    """Each with this probability."""
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    """Draws for `share`, and for what is done to a frame."""
    seen: int = 0
    hits: int = 0

    @property
    def is_all(self) -> bool:
        """Whether each one is struck."""
        return self.nth is None and self.count is None and self.share >= 1.0

    def takes(self) -> bool:
        """Whether this one is struck; counts it."""
        self.seen += 1
        struck = (
            (self.nth is None or self.seen == self.nth)
            and (self.count is None or self.hits < self.count)
            and (self.share >= 1.0 or self.rng.random() < self.share)
        )
        self.hits += struck
        return struck
