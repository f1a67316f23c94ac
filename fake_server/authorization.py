"""What a private channel may: asked of the row policies when it is first needed, and kept.

The real server asks with probe rows in `realtime.messages` (`protocol.md §6.2`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Command = Literal["select", "insert"]
"""Reading is SELECT, writing is INSERT."""
Extension = Literal["broadcast", "presence"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody wants to do with the messages of a sub-topic."""

    command: Command
    extension: Extension
    sub_topic: str
    role: str
    claims: Mapping[str, Any] = field(repr=False)
    """All that the token says, as `request.jwt.claims` gives it to a policy."""


@dataclass(slots=True)
class Access:
    """What the holder of a token may do in one private channel; None is not looked at yet."""

    permits: Callable[[Attempt], bool] = field(repr=False)
    sub_topic: str
    role: str
    claims: Mapping[str, Any] = field(repr=False)
    broadcast_read: bool = False
    presence_read: bool | None = None
    _writes: dict[Extension, bool] = field(default_factory=dict)

    def read(self, *, with_presence: bool) -> bool:
        """Look up what may be read: presence only if it is wanted. Returns whether anything may."""
        self.broadcast_read = self._may("select", "broadcast")
        if with_presence:
            self.presence_read = self._may("select", "presence")
        return self.broadcast_read or bool(self.presence_read)

    def may_broadcast(self) -> bool:
        """Whether broadcasts may be sent."""
        return self._looked_up()["broadcast"]

    def may_track(self) -> bool:
        """Whether presence may be tracked.

        Also finds out whether presence may be read, unless a broadcast came before: one look at
        the write policies covers both extensions, and the other comes only with a track that
        causes it (`protocol.md §5.4`).
        """
        if not self._writes and self.presence_read is None:
            self.presence_read = self._may("select", "presence")
        return self._looked_up()["presence"]

    @property
    def writes_known(self) -> bool:
        """Whether what may be written has been looked up."""
        return bool(self._writes)

    def lost(self, later: Access) -> bool:
        """Whether something that could be read cannot be any more."""
        return (self.broadcast_read and not later.broadcast_read) or (
            self.presence_read is True and later.presence_read is False
        )

    def _looked_up(self) -> dict[Extension, bool]:
        if not self._writes:
            self._writes["broadcast"] = self._may("insert", "broadcast")
            self._writes["presence"] = self._may("insert", "presence")
        return self._writes

    def _may(self, command: Command, extension: Extension) -> bool:
        return self.permits(Attempt(command, extension, self.sub_topic, self.role, self.claims))
