"""WebSocket frames as a relay sees them pass: told what they are, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_HEAD_END = b"\r\n\r\n"
_HEAD_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, unmasked."""

    opcode: int
    payload: bytes


@dataclass(slots=True)
class Stream:
    """One direction of a connection: a head of HTTP, then frames once it is a WebSocket."""

    _buffer: bytearray = field(default_factory=bytearray)
    _head_seen: bool = False

    def head(self, data: bytes) -> str | None:
        """Take bytes in; the first line of the head, once, when the head has come whole."""
        self._buffer += data
        if self._head_seen:
            return None
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            del self._buffer[_HEAD_BYTES_MAX:]
            return None
        self._head_seen = True
        line = bytes(self._buffer[: self._buffer.find(b"\r\n")]).decode("latin-1")
        del self._buffer[: end + len(_HEAD_END)]
        return line

    def frames(self) -> Iterator[Frame]:
        """The frames that have come whole."""
        while self._head_seen and (found := _parsed(self._buffer)) is not None:
            frame, length = found
            del self._buffer[:length]
            yield frame

    def forget(self) -> None:
        """What is no WebSocket has no frames."""
        self._buffer.clear()


def _parsed(data: bytearray) -> tuple[Frame, int] | None:
    """The first frame of some bytes and its length there; None if it has not come whole."""
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    masked = data[1] & 0x80
    mask_at, at = at, at + (4 if masked else 0)
    if len(data) < at + length:
        return None
    payload = bytes(data[at : at + length])
    if masked:
        payload = _unmasked(payload, bytes(data[mask_at:at]))
    return Frame(data[0] & 0x0F, payload), at + length


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    whole = (mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")
    return number.to_bytes(len(payload), "big")
