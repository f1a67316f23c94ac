"""What a transport shows for a socket: names and options, no file descriptor."""

from __future__ import annotations

import socket
import struct

_LINGER = struct.Struct("ii")

Address = tuple[str, int]


class SimSocket:
    """Answers as `asyncio.trsock.TransportSocket` does."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, name: Address, peer: Address | None = None) -> None:
        self._name = name
        self._peer = peer
        self._options: dict[tuple[int, int], int | bytes] = {}

    def getsockname(self) -> Address:
        """Its own address."""
        return self._name

    def getpeername(self) -> Address:
        """The other end's address. Raises `OSError` for a listening socket."""
        if self._peer is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._peer

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Keep an option; SO_LINGER with a time of 0 makes closing send an RST."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, size: int = 0) -> int | bytes:
        """An option that was set, or 0."""
        return self._options.get((level, option), 0)

    def fileno(self) -> int:
        """There is no file descriptor."""
        return -1

    @property
    def resets_on_close(self) -> bool:
        """Whether SO_LINGER is on with a time of 0."""
        value = self._options.get((socket.SOL_SOCKET, socket.SO_LINGER))
        return isinstance(value, bytes) and _LINGER.unpack(value) in ((1, 0),)
