"""The same levers on the loop and the sockets of the operating system."""

from __future__ import annotations

import asyncio
import json

import pytest

from fake_server import FakeServer
from tests.fake_server.http_client import ask
from tests.fake_server.stage import Client, Stage

_PATIENCE_S = 10.0


@pytest.mark.asyncio
async def test_freeze_drain_and_restart_work_on_real_sockets_as_in_simulation() -> None:
    server = FakeServer()
    await server.start()
    s = Stage(server)
    port = server.port
    frozen = await s.joined("frozen")
    server.freeze_live()
    await frozen.heartbeat()
    drained = await s.joined("drained")
    assert await frozen.next(within_s=0.2) is None
    await server.drain(batch=1, gap_s=0.01)
    assert await drained.close_code(_PATIENCE_S) == 1012
    assert frozen.socket.close_code is None
    live = await s.joined("live")
    await server.stop()
    assert [await each.close_code(_PATIENCE_S) for each in (live, frozen)] == [1006, 1006]
    assert server.membership() == []
    await server.start()
    assert server.port == port
    await _serves(await s.joined("again"))
    await server.stop()


@pytest.mark.asyncio
async def test_http_and_websockets_share_a_port() -> None:
    server = FakeServer()
    await server.start()
    listener = await Stage(server).joined("listener")
    message = {"topic": "room", "event": "e", "payload": {"n": 1}}
    body = json.dumps({"messages": [message]}).encode()
    headers = {"apikey": server.apikey, "content-type": "application/json"}
    target = "/realtime/v1/api/broadcast"
    reply = await ask(server.host, server.port, "POST", target, headers, body)
    assert reply.status == 202
    frame = await listener.next(_PATIENCE_S)
    assert frame[4]["payload"] == {"n": 1}
    assert server.http_url == f"http://{server.host}:{server.port}"
    await server.stop()


@pytest.mark.asyncio
async def test_what_waited_behind_a_late_join_is_answered_after_it() -> None:
    server = FakeServer()
    await server.start()
    server.answer_joins_late(0.2, count=1)
    client = await Stage(server).client()
    await client.join("room")
    await _serves(client, events=2)
    assert len(server.membership()) == 1
    await server.stop()
    await asyncio.sleep(0)


async def _serves(client: Client, events: int = 1) -> None:
    await client.heartbeat()
    assert [await client.status(_PATIENCE_S) for _ in range(events)] == ["ok"] * events
