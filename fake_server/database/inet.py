"""Addresses of hosts and networks: read, and ordered."""

from __future__ import annotations

import ipaddress
from typing import Any

from fake_server.database.errors import invalid_syntax


def parse_inet(text: str) -> str:
    """The address, with its prefix where it is a network. Raises `DatabaseError` 22P02."""
    try:
        if "%" in text or text != text.strip():
            raise ValueError
        address = ipaddress.ip_interface(_padded(text))
    except ValueError:
        raise invalid_syntax("inet", text) from None
    whole = address.network.prefixlen == address.max_prefixlen
    shown = str(address.ip)
    mapped = getattr(address.ip, "ipv4_mapped", None)
    if mapped is not None:
        shown = f"::ffff:{mapped}"
    return shown if whole else f"{shown}/{address.network.prefixlen}"


def _padded(text: str) -> str:
    """An IPv4 network may leave out the bytes that are not its own: `192.168/16`."""
    address, slash, length = text.partition("/")
    missing = 3 - address.count(".")
    if not slash or ":" in address or not missing or not address:
        return text
    return address + ".0" * missing + slash + length


def inet_key(value: str) -> tuple[Any, ...]:
    """Orders addresses: the family, then the bits of the network, then the address."""
    address = ipaddress.ip_interface(value)
    bits = f"{int(address.ip):0{address.max_prefixlen}b}"[: address.network.prefixlen]
    return address.version, bits, int(address.ip)
