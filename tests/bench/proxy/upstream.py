"""What the measured proxies lead to: a process that echoes, or swallows a length and says so.

The first byte of a connection chooses: `E` echoes all that follows; `S` and eight bytes of a
length swallow so many bytes and answer `K`. Prints its port, and ends with its standard input.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from dataclasses import dataclass

_READ_BYTES = 1 << 18
_HEAD_BYTES = 9


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    missing_bytes: int | None = None
    """Of a connection that is swallowed; `None` for one that echoes."""


def main() -> None:
    """Serve until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    print(listener.getsockname()[1], flush=True)
    connections: dict[int, _Connection] = {}
    buffer = memoryview(bytearray(_READ_BYTES))
    while True:
        for fd, _ in poll.poll():
            if fd == sys.stdin.fileno():
                return
            if fd == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[sock.fileno()] = _Connection(sock)
                poll.register(sock.fileno(), select.EPOLLIN)
            elif not _serve(connections[fd], buffer):
                poll.unregister(fd)
                connections.pop(fd).sock.close()


def _serve(connection: _Connection, buffer: memoryview) -> bool:
    """Handle what came; whether the connection goes on."""
    sock = connection.sock
    try:
        size = sock.recv_into(buffer)
    except ConnectionError:
        return False
    if connection.missing_bytes is not None:
        connection.missing_bytes -= size
    elif bytes(buffer[:1]) == b"S" and size >= _HEAD_BYTES:
        length = int.from_bytes(buffer[1:_HEAD_BYTES], "big")
        connection.missing_bytes = length - (size - _HEAD_BYTES)
    elif size:
        sock.sendall(buffer[:size])
    if connection.missing_bytes is not None and connection.missing_bytes <= 0:
        sock.sendall(b"K")
        return False
    return bool(size)


if __name__ == "__main__":
    if cores := sys.argv[1:]:
        os.sched_setaffinity(0, {int(core) for core in cores})
    main()
