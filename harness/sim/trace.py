"""A running hash of everything on the wire: equal digests mean equal runs, byte for byte."""

from __future__ import annotations

import hashlib
import struct

from harness.sim.packet import Packet

# When, which connection, whether from its client, what, whether it arrived, how long.
_HEADER = struct.Struct("<dI?B?I")


class Trace:
    """Takes down each packet twice, when it is sent and when it arrives."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def sent(self, at_s: float, number: int, upward: bool, packet: Packet, data: bytes) -> None:
        """A packet of connection `number` leaves; `upward` is from the client."""
        self._hash.update(_HEADER.pack(at_s, number, upward, packet, False, len(data)))
        self._hash.update(data)

    def arrived(self, at_s: float, number: int, upward: bool, packet: Packet, size: int) -> None:
        """A packet arrives; its bytes were hashed when it was sent."""
        self._hash.update(_HEADER.pack(at_s, number, upward, packet, True, size))

    def digest(self) -> str:
        """The hash so far, in hexadecimal."""
        return self._hash.hexdigest()
