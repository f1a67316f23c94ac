"""Generated frames: what real clients were recorded to send, cut, spliced, and made of nonsense."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from tests.golden_frames import frames

_WORDS = tuple(
    "phx_join phx_leave phx_close phx_reply heartbeat broadcast presence access_token track "  # noqa: SIM905
    "untrack postgres_changes realtime:a realtime: phoenix config private enabled key event "
    "payload self ack replay since limit schema public table todos filter id=eq.1 sb_x true".split()
)
_BYTES_MAX = 65_536

Frame = str | bytes
T = TypeVar("T")


def recorded() -> list[Frame]:
    """Every frame that a client was recorded to send, but for the huge ones."""
    sent = (each.data for each in frames() if each.dir == "client" and each.server == "supabase")
    return list(dict.fromkeys(data for data in sent if 0 < len(data) < _BYTES_MAX))


class Generator:
    """An endless supply of frames; the same seed gives the same ones."""

    def __init__(self, seed: int, tokens: tuple[str, ...]) -> None:
        self._rng = Random(seed)
        self._corpus = recorded()
        self._tokens = tokens
        self._ways: tuple[Callable[[], Frame], ...] = (
            self._message,
            self._message,
            self._as_recorded,
            self._cut,
            self._flipped,
            self._spliced,
            self._noise,
            self._deep,
        )

    def frame(self) -> Frame:
        return self._rng.choice(self._ways)()

    def choice(self, among: Sequence[T]) -> T:
        """One of these, by the same seed."""
        return self._rng.choice(among)

    def _message(self) -> Frame:
        """A message of either version, of words that mean something and of values that do not."""
        fields = [self._word(), self._word(), self._topic(), self._word(), self._value(3)]
        if self._rng.random() < 0.5:
            return json.dumps(fields)
        names = ("join_ref", "ref", "topic", "event", "payload")
        return json.dumps(dict(zip(names, fields, strict=True)))

    def _as_recorded(self) -> Frame:
        return self._rng.choice(self._corpus)

    def _cut(self) -> Frame:
        frame = self._as_recorded()
        return frame[: self._rng.randrange(len(frame) + 1)]

    def _flipped(self) -> Frame:
        frame = self._as_recorded()
        data = bytearray(frame.encode() if isinstance(frame, str) else frame)
        for _ in range(self._rng.randint(1, 4)):
            if data:
                data[self._rng.randrange(len(data))] = self._rng.randrange(256)
        if isinstance(frame, str):
            return data.decode(errors="surrogateescape")
        return bytes(data)

    def _spliced(self) -> Frame:
        one, other = self._as_recorded(), self._as_recorded()
        head = one if isinstance(one, str) else one.decode("latin-1")
        tail = other if isinstance(other, str) else other.decode("latin-1")
        cut = self._rng.randrange(len(head) + 1)
        return head[:cut] + tail[self._rng.randrange(len(tail) + 1) :]

    def _noise(self) -> Frame:
        data = self._rng.randbytes(self._rng.randrange(64))
        if self._rng.random() < 0.5:
            return bytes([self._rng.randrange(5)]) + data
        return data.decode(errors="surrogateescape")

    def _deep(self) -> Frame:
        return self._rng.choice("[{") * self._rng.choice((10, 300, 3000))

    def _topic(self) -> Any:
        return self._rng.choice(("realtime:a", "realtime:b", "realtime:a:b", "phoenix", None, 7))

    def _word(self) -> Any:
        return self._rng.choice((*_WORDS, *_WORDS, None, 1, "", "\ud800", "é"))

    def _value(self, depth: int) -> Any:
        """A JSON value: the leaves may be tokens."""
        kind = self._rng.randrange(8 if depth else 5)
        if kind >= 6:
            return {str(self._word()): self._value(depth - 1) for _ in range(4)}
        if kind == 5:
            return [self._value(depth - 1) for _ in range(self._rng.randrange(4))]
        leaves = (self._word(), self._rng.choice(self._tokens), self._rng.uniform(-1e9, 1e9), True)
        return self._rng.choice((*leaves, self._rng.randrange(-(10**20), 10**20), 10**400))
