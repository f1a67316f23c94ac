"""What travels on the simulated wire."""

from __future__ import annotations

from enum import IntEnum


class Packet(IntEnum):
    """The kinds of packet that a program can tell apart."""

    OPEN = 0  # the last step of the handshake: the server accepts
    DATA = 1
    FIN = 2  # the sender has finished
    RST = 3  # the connection is gone
