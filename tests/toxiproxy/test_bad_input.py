"""Whatever is asked of it, and whoever is on the line: an answer or an end, never a hang."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import ExitStack
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote

import pytest

from harness.toxiproxy import http
from harness.toxiproxy.api import Api
from tests.golden_toxiproxy.records import RECORDED
from tests.toxiproxy.wire import Wire, connected, echo, running, upstream

PROMPT_S = 5.0
"""Far more than any answer takes, far less than any time-out of the server."""

CRASHES: dict[str, dict[str, Any]] = {
    record["id"]: record
    for line in (RECORDED / "crashes.jsonl").read_text().splitlines()
    if "toxic" in (record := json.loads(line))
}
SURVIVED = {
    "slicer-default-attributes": 100,
    "slicer-variation-gt-average": 5000,
    "slicer-negative-average": 100,
    "bandwidth-negative": 0,
}
"""What ended the original, and how many bytes come back from ours. Nothing can be cut into pieces
of no size, so it is passed whole; a rate below nothing stalls as nothing does."""


@pytest.mark.asyncio
@pytest.mark.parametrize("record", CRASHES.values(), ids=CRASHES)
async def test_values_that_end_the_original_are_taken_and_run_safely(
    record: dict[str, Any],
) -> None:
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        made = await wire.request("POST", "/proxies/p/toxics", json.dumps(record["toxic"]))
        assert made.status == record["create"]
        got = b""
        async with connected(through) as (reader, writer):
            writer.write(bytes(record["bytes_sent"]))
            kind = "still-open"
            try:
                async with asyncio.timeout(0.3):
                    while data := await reader.read(1 << 16):
                        got += data
                    kind = "FIN"
            except ConnectionResetError:
                kind = "Connection reset by peer"
            except TimeoutError:
                pass
        assert list(await wire.ok("GET", "/proxies")) == ["p"]
    if record["server_alive"]:
        assert (len(got), kind) == (record["bytes_back"], record["client"])
    elif record["id"] in SURVIVED:
        assert len(got) == SURVIVED[record["id"]]


@pytest.mark.asyncio
async def test_an_upstream_that_answers_nothing_keeps_nobody_waiting() -> None:
    """The original dials inside its accept loop: others wait, and disabling takes 25 s."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # one waits in the queue, and the kernel drops the others' SYN
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with running() as wire, asyncio.timeout(PROMPT_S):
            through = await wire.proxy(full.getsockname()[1])
            async with connected(through) as (reader, _), connected(through) as (other, _):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(), 0.2)
                await wire.ok("PATCH", "/proxies/p", {"enabled": False})
                assert await reader.read() == b""
                assert await other.read() == b""
            assert wire.server.proxies.get("p").connections == 0


@pytest.mark.asyncio
async def test_an_upstream_that_comes_back_is_reached_again() -> None:
    async with running() as wire:
        async with upstream(echo) as port:
            through = await wire.proxy(port)
            async with connected(through) as (reader, writer):
                writer.write(b"a")
                assert await reader.read(9) == b"a"
        async with connected(through) as (reader, _):
            assert await reader.read() == b""
        async with upstream(echo, port), connected(through) as (reader, writer):
            writer.write(b"b")
            assert await reader.read(9) == b"b"


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_port_in_use_is_told_and_changes_nothing_else(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with running() as wire:
            await wire.proxy(9)
            target = "/proxies" if method == "POST" else "/proxies/p"
            asked = {"name": "q", "listen": listen, "upstream": "x:1"}
            answer = await wire.request(method, target, json.dumps(asked))
            assert answer.status == 500
            assert "address already in use" in answer.json()["error"]
            assert list(await wire.ok("GET", "/proxies")) == ["p"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("noop", {}),
        ("latency", {"latency": 1}),
        ("slicer", {"average_size": 1000}),
        ("limit_data", {"bytes": 1 << 40}),
    ],
)
async def test_a_thousand_toxics_carry_and_can_be_taken_away(
    kind: str, attributes: dict[str, int]
) -> None:
    payload = bytes(range(256)) * 8
    async with upstream(echo) as port, running() as wire:
        through = await wire.proxy(port)
        api = Api(wire.server.proxies)
        for number in range(1000):
            asked = {"name": f"t{number}", "type": kind, "attributes": attributes}
            made = await api.answer("POST", "/proxies/p/toxics", "", json.dumps(asked).encode())
            assert made.status == 200
        assert len(await wire.ok("GET", "/proxies/p/toxics")) == 1000
        async with connected(through) as (reader, writer):
            for _ in range(2):
                writer.write(payload)
                assert await reader.readexactly(len(payload)) == payload
            await wire.ok("POST", "/reset")
            assert await wire.ok("GET", "/proxies/p/toxics") == []
            writer.write(payload)
            assert await reader.readexactly(len(payload)) == payload


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name",
    ["a b", "ü", "日本", "a?b", "a#b", "%41", '"', "<b>", "a\nb", "\u2028", "..a", "x" * 5000],
)
async def test_a_name_of_odd_characters_is_kept_and_found(name: str) -> None:
    async with running() as wire:
        asked = {"name": name, "upstream": "x:1", "listen": "127.0.0.1:0"}
        assert (await wire.ok("POST", "/proxies", asked))["name"] == name
        path = f"/proxies/{quote(name, safe='')}"
        await wire.ok("POST", f"{path}/toxics", {"name": name, "type": "noop"})
        toxic = f"{path}/toxics/{quote(name, safe='')}"
        assert (await wire.ok("GET", toxic))["name"] == name
        await wire.ok("DELETE", toxic)
        await wire.ok("DELETE", path)
        assert await wire.ok("GET", "/proxies") == {}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("listen", "complaint"),
    [
        ("a" * 64 + ":0", "no such host"),
        ("a" * 70_000 + ":0", "no such host"),
        ("ü" * 64 + ":0", "no such host"),
        ("a..b:0", "no such host"),
        ("\0:0", "no such host"),
        ("127.0.0.1:\0", "unknown port"),
        ("127.0.0.1:" + "9" * 70_000, "invalid port"),
    ],
)
async def test_what_is_no_host_or_port_is_told(listen: str, complaint: str) -> None:
    async with running() as wire, asyncio.timeout(PROMPT_S):
        asked = {"name": "p", "listen": listen, "upstream": "x:1"}
        answer = await wire.request("POST", "/proxies", json.dumps(asked))
        assert answer.status == 500
        assert complaint in answer.json()["error"]
        assert await served(wire)


@pytest.mark.asyncio
@pytest.mark.parametrize("upstream", ["ü" * 100_000 + ":1", "a" * 64 + ":1", "\0:1", "x", ":"])
async def test_an_upstream_that_is_none_ends_the_connection_and_holds_up_nobody(
    upstream: str,
) -> None:
    async with running() as wire, asyncio.timeout(PROMPT_S):
        asked = {"name": "p", "listen": "127.0.0.1:0", "upstream": upstream}
        made = await wire.ok("POST", "/proxies", asked)
        async with connected(int(made["listen"].rpartition(":")[2])) as (reader, _):
            assert await reader.read() == b""


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_mistake_of_ours_drops_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait for an answer that nobody makes."""

    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with running() as wire:
        with monkeypatch.context() as patch:
            patch.setattr(Api, "answer", fail)
            assert await wire.raw(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        assert await served(wire)


@pytest.mark.asyncio
@pytest.mark.parametrize("opening", ["[", '{"a":'])
async def test_a_body_nested_beyond_reason_is_refused(opening: str) -> None:
    async with running() as wire:
        answer = await wire.request("POST", "/populate", opening * 100_000)
    assert answer.status == 400


@pytest.mark.asyncio
async def test_a_chunked_body_without_end_is_cut_off() -> None:
    head = b"POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    async with running() as wire, connected(wire.server.port) as (_, writer):
        writer.write(head)
        with pytest.raises(ConnectionError):  # noqa: PT012 (any of the writes may be the one)
            while True:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0)
        assert await wire.ok("GET", "/proxies") == {}


@pytest.mark.asyncio
async def test_who_sends_far_too_much_can_still_read_why_it_was_refused() -> None:
    """A reset would outrun the answer to who is not yet done with sending."""
    async with running() as wire:
        answer = await wire.request("POST", "/populate", "x" * (32 << 20))
        assert (answer.status, answer.body) == (413, "body over 1048576 bytes\n")
        assert await served(wire)


@pytest.mark.asyncio
async def test_a_head_without_end_is_cut_off() -> None:
    async with running() as wire:
        answer = await wire.raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "half",
    [b"", b"GET /proxies HT", b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"],
)
async def test_a_request_that_comes_too_slowly_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    """Also one that sends a byte now and then: the time is for the whole request."""
    monkeypatch.setattr(http, "REQUEST_WITHIN_S", 0.3)
    async with running() as wire, connected(wire.server.port) as (reader, writer):
        ended = asyncio.create_task(reader.read())
        sent = chain((bytes([byte]) for byte in half), repeat(b"x" if half else b""))
        async with asyncio.timeout(PROMPT_S):
            while not ended.done():
                if not writer.is_closing():
                    writer.write(next(sent))
                await asyncio.sleep(0.02)
        # It is told why, unless bytes that were under way reset the connection first.
        if not isinstance(ended.exception(), ConnectionResetError):
            assert ended.result().startswith(b"HTTP/1.1 408 ")
            assert ended.result().endswith(b"no complete request within 0.3 s\n")


@pytest.mark.asyncio
async def test_a_client_that_reads_no_answer_is_not_answered_for_ever() -> None:
    """What the server keeps for it is bounded, others are served, and in the end it gets all."""
    count = 200
    async with running() as wire:
        listed = await wire.ok("POST", "/proxies", LONG)
        async with connected(wire.server.port) as (reader, writer):
            writer.write(b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\n" * count)
            writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            stuck = await _stuck(wire)
            await asyncio.sleep(0.2)
            assert 0 < stuck.unsent_bytes < (1 << 20)
            assert await wire.ok("GET", "/proxies") == {"p": listed}
            answers = await reader.read()
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == count + 1
    assert answers.endswith(b'{"version": "2.12.0"}\n')


@pytest.mark.asyncio
async def test_a_client_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_TIMEOUT_S", 0.3)
    async with running() as wire:
        await wire.ok("POST", "/proxies", LONG)
        async with connected(wire.server.port) as (_, writer):
            writer.write(b"GET /proxies HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
            await _stuck(wire)
            async with asyncio.timeout(PROMPT_S):
                while wire.server.connections:  # noqa: ASYNC110 (there is no event for it)
                    await asyncio.sleep(0.02)


LONG = {"name": "p", "upstream": "x" * 100_000, "listen": "127.0.0.1:0"}


async def _stuck(wire: Wire) -> http.HttpConnection:
    """The one connection whose answers nobody takes, when every buffer on the way is full."""
    async with asyncio.timeout(PROMPT_S):
        while True:
            for connection in wire.server.connections:
                if connection.unsent_bytes:
                    return connection
            await asyncio.sleep(0.01)


async def served(wire: Wire) -> bool:
    """Whether it still answers."""
    return list(await wire.ok("GET", "/proxies")) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n\r\n",
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET /proxies HTTP/1.1\r\n\r\n",
        b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_broken_request_gets_400_and_an_end(sent: bytes) -> None:
    async with running() as wire:
        answer = await wire.raw(sent)
        assert answer.startswith(b"HTTP/1.1 4")
        assert await served(wire)
