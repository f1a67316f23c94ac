"""The HTTP shell: keep-alive, pipelining, bounds, and what a broken request gets."""

from __future__ import annotations

import asyncio

import pytest

from harness.toxiproxy import http
from tests.toxiproxy.wire import connected, running


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One answer of a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


@pytest.mark.asyncio
async def test_a_connection_serves_many_requests() -> None:
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await read_answer(reader) == (200, b"{}")


@pytest.mark.asyncio
async def test_pipelined_requests_are_answered_in_order() -> None:
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        writer.write(
            b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert await read_answer(reader) == (200, b"{}")
        assert (await read_answer(reader))[0] == 404


@pytest.mark.asyncio
async def test_a_request_may_come_in_pieces() -> None:
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        for byte in b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert await read_answer(reader) == (200, b"{}")


@pytest.mark.asyncio
async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    """curl does so for longer bodies."""
    head = (
        b"POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        writer.write(head)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"[]")
        assert await read_answer(reader) == (201, b'{"proxies":null}')


@pytest.mark.asyncio
async def test_what_is_not_http_is_refused() -> None:
    async with running() as wire:
        assert (await wire.raw(b"\x16\x03\x01 hello\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.asyncio
async def test_a_body_over_the_bound_is_refused() -> None:
    async with running() as wire:
        answer = await wire.request("POST", "/proxies", " " * (http.BODY_BYTES_MAX + 1))
    assert answer.status == 413


@pytest.mark.asyncio
async def test_a_connection_that_asks_nothing_more_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "IDLE_TIMEOUT_S", 0.1)
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.asyncio
async def test_the_next_request_of_a_kept_connection_has_its_own_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "REQUEST_WITHIN_S", 0.1)
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'"2.12.0"}\n')
        await asyncio.sleep(0.2)
        writer.write(b"GET /ver")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.asyncio
async def test_an_answer_that_takes_too_long_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve can take its time; no client of the API waits for ever."""
    monkeypatch.setattr(http, "HANDLER_TIMEOUT_S", 0.1)
    async with running() as wire:
        monkeypatch.setattr(wire.server.proxies, "create", lambda **_: asyncio.sleep(60))
        answer = await wire.request("POST", "/proxies", '{"name": "p", "upstream": "x:1"}')
    assert answer.status == 503


@pytest.mark.asyncio
async def test_a_client_that_goes_away_early_harms_nobody() -> None:
    async with running() as wire:
        async with connected(wire.server.port) as (_, writer):
            writer.write(b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        assert await wire.ok("GET", "/proxies") == {}
