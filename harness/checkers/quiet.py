"""Quiet: nothing comes of a channel that was left, nor of a client that was closed.

QUIET of `failures.md` §0.4. Once a leave has returned ok, its client neither joins nor delivers
that topic; once a close has, it does so for no topic, and sends nothing on a connection that it
has made since. Whatever the application asks for again, even while it leaves or closes, ends that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.checkers.words import count, examples
from harness.history import History, Op
from harness.verdict import Outcome, Verdict

_LOUD = ("joined", "received", "feed_live", "changed")
_ENDED_BY: Mapping[str, str] = {"subscribe": "leave", "open": "close"}
_EVERY_TOPIC = ""


def quiet(history: History) -> Verdict:
    """Follow what each client was told to end, and what it did of it afterwards."""
    replay = _Replay()
    broken = [words for op in history.ops for words in replay.see(op)]
    ended = replay.ended
    if broken:
        reason = f"not quiet, {count(len(broken), 'time')} (first: {broken[0]})"
        return Verdict(Outcome.INVALID, reason, {"ended": ended, "cases": examples(broken)})
    if not ended:
        return Verdict(Outcome.NOT_APPLICABLE, "no channel was left and no client closed")
    reason = f"nothing came of {count(ended, 'channel or client')} after it was left or closed"
    return Verdict(Outcome.VALID, reason, {"ended": ended})


@dataclass(slots=True)
class _Client:
    """What one client has been told to end."""

    asked: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """By call and topic, the last leave or close that nothing has called off since."""
    since_s: dict[tuple[str, str], float] = field(default_factory=dict)
    """Those of them that have returned ok, and when."""
    new: dict[int, None] = field(default_factory=dict)
    """Connections made since it was closed."""


class _Replay:
    def __init__(self) -> None:
        self._clients: dict[str, _Client] = {}
        self.ended = 0

    def see(self, op: Op) -> Iterator[str]:
        """Take one op into account; yields what breaks the quiet, in words."""
        if op.process == "server":
            yield from self._see_server(op)
        elif op.f in ("leave", "close", *_ENDED_BY):
            self._see_call(op)
        elif op.f in _LOUD and op.type == "info":
            yield from self._loud(op)

    def _see_call(self, op: Op) -> None:
        client = self._clients.setdefault(op.process, _Client())
        key = _ENDED_BY.get(op.f, op.f), str(op.value.get("topic", _EVERY_TOPIC))
        if op.type == "invoke":
            client.since_s.pop(key, None)
            client.asked[key] = op.id
            if key[0] == "close":
                client.new.clear()
        elif op.f in ("leave", "close") and op.type == "ok" and client.asked.get(key) == op.id:
            client.since_s[key] = op.time_s
            self.ended += 1

    def _loud(self, op: Op) -> Iterator[str]:
        client = self._clients.get(op.process)
        topic = str(op.value["topic"])
        for key in (("leave", topic), ("close", _EVERY_TOPIC)):
            since_s = client.since_s.get(key) if client else None
            if since_s is not None:
                said = f"{op.process} {op.f} {topic!r} at {op.time_s:.2f} s"
                yield f"{said}, after its {key[0]} had returned at {since_s:.2f} s"

    def _see_server(self, op: Op) -> Iterator[str]:
        """A frame on a connection that is new since the close: the client goes on by itself."""
        client = self._clients.get(str(op.value.get("client")))
        since_s = client.since_s.get(("close", _EVERY_TOPIC)) if client else None
        if client is None or since_s is None:
            return
        if op.f == "handshake":
            client.new[op.value["conn"]] = None
        elif op.f == "frame" and op.value["conn"] in client.new:
            sent = f"{op.value['client']} sent {op.value['event']!r} at {op.time_s:.2f} s"
            yield f"{sent} on a connection made after its close had returned at {since_s:.2f} s"
