"""Listen addresses as Go reads, resolves and reports them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

PORT_MAX = 65535
HOST_CHARS_MAX = 253
"""No longer name exists, and encoding a very long one would hold up the loop for seconds."""
ANY = ("", "0.0.0.0", "::")

_BIND_ERRORS = {
    errno.EADDRINUSE: "address already in use",
    errno.EACCES: "permission denied",
    errno.EADDRNOTAVAIL: "cannot assign requested address",
}


class BadAddress(ValueError):
    """An address that cannot be understood, resolved or bound; the text is Go's."""


class Address(NamedTuple):
    """A resolved address: an IP literal, or empty for all interfaces, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def split(text: str) -> tuple[str, str]:
    """Host and port of `host:port` or `[v6]:port`, as written. Raises `BadAddress`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise BadAddress(f"address {text}: missing port in address")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    if ":" in host:
        raise BadAddress(f"address {text}: too many colons in address")
    if len(host) > HOST_CHARS_MAX:
        raise BadAddress(f"lookup {host}: no such host")
    return host, port


async def resolve(text: str) -> Address:
    """The address that a text stands for; empty is `:0`. Raises `BadAddress`."""
    host, port_text = split(text or ":0")
    port = _port(port_text)
    if not host or _is_ip(host):
        return Address(host, port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # of which the last is a name that no resolver can be asked for
        raise BadAddress(f"lookup {host}: no such host") from None
    # Go prefers IPv4 where a name has both.
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    return Address(str(found[0][4][0]), port)


async def listen(
    factory: Callable[[], asyncio.BaseProtocol], address: Address
) -> tuple[asyncio.AbstractServer, str]:
    """Serve at an address, and the address as it is reported. Raises `BadAddress`."""
    loop = asyncio.get_running_loop()
    try:
        if address.host in ANY and socket.has_dualstack_ipv6():
            both = socket.create_server(
                ("::", address.port), family=socket.AF_INET6, dualstack_ipv6=True
            )
            server = await loop.create_server(factory, sock=both)
        else:
            server = await loop.create_server(factory, address.host or None, address.port)
    except OSError as error:
        # asyncio loses the number where no address could be assigned.
        reason = _BIND_ERRORS.get(error.errno or errno.EADDRNOTAVAIL, str(error.strerror).lower())
        raise BadAddress(f"listen tcp {address}: bind: {reason}") from None
    host, port = server.sockets[0].getsockname()[:2]
    return server, str(Address(host, port))


def _port(text: str) -> int:
    if text.isascii() and text.isdigit():
        if len(text) > 5 or int(text) > PORT_MAX:
            raise BadAddress(f"address {text}: invalid port")
        return int(text)
    try:
        return socket.getservbyname(text, "tcp") if text else 0
    except (OSError, ValueError):  # of which the last is a name with a null character
        raise BadAddress(f"lookup tcp/{text}: unknown port") from None


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
