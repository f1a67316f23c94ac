"""Long polling: sessions that outlive their requests, in virtual time."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from tests.fake_server.http_client import Reply, ask
from tests.fake_server.stage import Stage, simulated, stage

OK = {"status": 200}


@dataclass
class Poller:
    """A client that polls, at the gateway."""

    stage: Stage
    token: str = ""

    async def ask(self, method: str = "GET", body: bytes = b"", key: str | None = None) -> Reply:
        key = self.stage.server.key("alice") if key is None else key
        target = f"/realtime/v1/longpoll?apikey={key}&vsn=2.0.0&token={self.token}"
        headers = {"host": "server", "content-type": "application/x-ndjson"}
        return await ask("server", 4000, method, target, headers, body)

    async def begin(self) -> None:
        reply = (await self.ask()).json
        assert (reply["status"], reply["messages"]) == (410, [])
        self.token = reply["token"]

    async def push(self, *messages: Any) -> Any:
        body = "\n".join(map(json.dumps, messages))
        return (await self.ask("POST", body.encode())).json

    async def poll(self) -> tuple[int, list[Any]]:
        reply = (await self.ask()).json
        assert reply["token"] == self.token
        return reply["status"], [json.loads(message) for message in reply["messages"]]


def join(topic: str, **config: Any) -> list[Any]:
    return ["1", "1", f"realtime:{topic}", "phx_join", {"config": config}]


HEARTBEAT: list[Any] = [None, "2", "phoenix", "heartbeat", {}]


@simulated
async def test_what_was_pushed_in_lines_is_answered_in_order_at_the_next_poll() -> None:
    async with stage() as s:
        poller = Poller(s)
        await poller.begin()
        assert await poller.push(join("room"), HEARTBEAT) == OK
        status, messages = await poller.poll()
        assert (status, [message[1] for message in messages]) == (200, ["1", "2"])
        assert [member["topic"] for member in s.server.membership()] == ["room"]


@simulated
async def test_a_poll_waits_for_something_to_tell_and_not_longer_than_ten_seconds() -> None:
    async with stage() as s:
        loop = asyncio.get_running_loop()
        poller = Poller(s)
        await poller.begin()
        await poller.push(join("room"))
        await poller.poll()
        polling = asyncio.create_task(poller.poll())
        await asyncio.sleep(3)
        s.server.publish("room", "e", {"n": 1})
        s.server.publish("room", "e", {"n": 2})
        status, messages = await polling
        assert (status, [message[4]["payload"]["n"] for message in messages]) == (200, [1, 2])
        started_s = loop.time()
        assert await poller.poll() == (204, [])
        assert round(loop.time() - started_s) == 10


@simulated
async def test_what_a_client_could_not_hear_is_kept_for_its_next_poll() -> None:
    async with stage() as s:
        poller = Poller(s)
        await poller.begin()
        await poller.push(join("room"))
        await poller.poll()
        polling = asyncio.create_task(poller.poll())
        await asyncio.sleep(1)
        polling.cancel()
        await asyncio.sleep(1)
        s.server.publish("room", "e", {})
        assert [message[3] for message in (await poller.poll())[1]] == ["broadcast"]


@simulated
async def test_a_refused_join_blocks_the_session_and_the_answer_to_its_push() -> None:
    async with stage() as s:
        loop = asyncio.get_running_loop()
        poller = Poller(s)
        await poller.begin()
        started_s = loop.time()
        assert await poller.push(join("secret", private=True), HEARTBEAT) == OK
        assert round(loop.time() - started_s) == 5
        replies = [message[4]["status"] for message in (await poller.poll())[1]]
        assert replies == ["error", "ok"]


@simulated
async def test_a_session_that_nobody_polls_ends_with_its_channels() -> None:
    async with stage() as s:
        poller = Poller(s)
        await poller.begin()
        await poller.push(join("room"))
        await asyncio.sleep(31)
        assert s.server.membership() == []
        assert [end["conn"] for end in s.told("disconnect")] == [1]
        assert await poller.push(HEARTBEAT) == {"status": 410}
        assert (await poller.ask()).json["status"] == 410


@simulated
async def test_who_is_refused_is_told_403_after_the_delay_of_a_connection() -> None:
    async with stage() as s:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        reply = await Poller(s).ask(key="junk")
        assert (reply.status, reply.json) == (200, {"status": 403})
        assert round(loop.time() - started_s) == 2
        assert [refused["status"] for refused in s.told("refused")] == [401]


@simulated
async def test_a_stopped_server_forgets_its_sessions() -> None:
    async with stage() as s:
        poller = Poller(s)
        await poller.begin()
        await poller.push(join("room"))
        await s.server.stop()
        await s.server.start("server", 4000)
        assert s.server.membership() == []
        assert await poller.push(HEARTBEAT) == {"status": 410}


@simulated
async def test_a_closed_connection_ends_a_session_and_broadcasts_go_on() -> None:
    async with stage() as s:
        poller, other = Poller(s), await s.joined("bob")
        await poller.begin()
        await poller.push(join("room"))
        await s.server.drain()
        assert await poller.push(HEARTBEAT) == {"status": 410}
        assert await other.close_code() == 1012


@simulated
async def test_pages_of_every_origin_may_poll_and_other_methods_are_bad() -> None:
    async with stage() as s:
        preflight = await Poller(s).ask("OPTIONS")
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert (await Poller(s).ask("DELETE")).status == 400


@simulated
async def test_binary_messages_come_in_base64_and_only_as_pushes() -> None:
    """As phoenix.js sends them: a line that is no array is base64; V2 sockets get a kind 2."""
    async with stage() as s:
        poller, other = Poller(s), await s.joined("bob")
        await poller.begin()
        await poller.push(join("room"))
        head = bytes([0, 1, 1, len("realtime:room"), len("broadcast")])
        kind_0 = head + b"12realtime:roombroadcast" + b"\xff\x00"
        kind_3 = bytes([3, 1, 1, len("realtime:room"), 1, 0, 0]) + b"13realtime:rooma\xff"
        lines = [b64encode(kind_3), b64encode(kind_0), json.dumps(HEARTBEAT).encode()]
        reply = await poller.ask("POST", b"\n".join(lines))
        assert reply.json == OK
        heard = await other.socket.recv()
        assert heard == b"\x02" + bytes([13, 9]) + b"realtime:roombroadcast" + b"\xff\x00"
        assert await other.next() is None
        assert [message[1] for message in (await poller.poll())[1]] == ["1", "2"]


@simulated
async def test_a_line_that_is_neither_an_array_nor_base64_spoils_its_request() -> None:
    async with stage() as s:
        poller = Poller(s)
        await poller.begin()
        for junk in (b'{"topic":"phoenix"}', b"a!"):
            reply = await poller.ask("POST", json.dumps(HEARTBEAT).encode() + b"\r\n" + junk)
            assert (reply.status, reply.body) == (400, b"Bad Request")
        assert await poller.push(HEARTBEAT) == OK
        assert len((await poller.poll())[1]) == 1


@simulated
async def test_each_pushed_message_may_wait_for_ten_seconds() -> None:
    """Two refused joins take 10 s together; a join that is held for 11 s takes what follows."""
    async with stage() as s:
        loop = asyncio.get_running_loop()
        poller = Poller(s)
        await poller.begin()
        started_s = loop.time()
        joins = [join("a", private=True), join("b", private=True), join("c", private=True)]
        assert await poller.push(*joins) == OK
        assert round(loop.time() - started_s) == 15
        await poller.poll()
        s.server.answer_joins_late(11)
        assert await poller.push(join("late"), join("dropped")) == {"status": 408}
        assert round(loop.time() - started_s) == 25
        await asyncio.sleep(2)
        assert [member["topic"] for member in s.server.membership()] == ["late"]
