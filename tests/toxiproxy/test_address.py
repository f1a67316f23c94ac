"""Listen addresses are read, resolved and reported as Go does."""

from __future__ import annotations

import asyncio
import socket

import pytest

from harness.toxiproxy.address import BadAddress, listen, resolve


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("localhost:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        (":80", ":80"),
        ("", ":0"),
        ("127.0.0.1:http", "127.0.0.1:80"),
    ],
)
async def test_addresses_resolve(text: str, resolved: str) -> None:
    assert str(await resolve(text)) == resolved


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rubbish", "address rubbish: missing port in address"),
        ("::1:80", "address ::1:80: too many colons in address"),
        ("127.0.0.1:99999", "address 99999: invalid port"),
        ("127.0.0.1:abc", "lookup tcp/abc: unknown port"),
    ],
)
async def test_a_bad_address_is_worded_as_go_does(text: str, reason: str) -> None:
    with pytest.raises(BadAddress) as refused:
        await resolve(text)
    assert str(refused.value) == reason


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["", ":0", "0.0.0.0:0"])
async def test_all_interfaces_are_reported_as_one(text: str) -> None:
    server, reported = await listen(asyncio.Protocol, await resolve(text))
    server.close()
    host, _, port = reported.rpartition(":")
    assert host == ("[::]" if socket.has_dualstack_ipv6() else "0.0.0.0")
    assert int(port) > 0


@pytest.mark.asyncio
async def test_a_taken_port_is_named() -> None:
    server, reported = await listen(asyncio.Protocol, await resolve("127.0.0.1:0"))
    with pytest.raises(BadAddress) as refused:
        await listen(asyncio.Protocol, await resolve(reported))
    server.close()
    assert str(refused.value) == f"listen tcp {reported}: bind: address already in use"
