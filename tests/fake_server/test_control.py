"""The control API: the same levers as in Python, and refusals that say what is known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fake_server.control import Control
from fake_server.levers.registry import LEVERS
from tests.fake_server.http_client import HttpConnection, Reply
from tests.fake_server.stage import Stage, simulated, stage

HOST = {"host": "127.0.0.1:5000"}


class Caller:
    """Somebody who asks the control API."""

    def __init__(self, stage: Stage, control: Control) -> None:
        self.stage = stage
        self.control = control

    async def ask(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        connection = await HttpConnection.open("127.0.0.1", 5000)
        sent = b"" if body is None else json.dumps(body).encode()
        try:
            return await connection.ask(method, target, headers or HOST, sent)
        finally:
            connection.writer.close()

    async def pull(self, name: str, **parameters: Any) -> Reply:
        return await self.ask("POST", "/levers", {"name": name, "parameters": parameters})


@asynccontextmanager
async def controlled(**config: Any) -> AsyncIterator[Caller]:
    async with stage(**config) as s:
        control = Control(s.server)
        await control.start(5000)
        try:
            yield Caller(s, control)
        finally:
            await control.stop()


@simulated
async def test_a_lever_is_pulled_listed_and_healed() -> None:
    async with controlled() as c:
        alice = await c.stage.client()
        reply = await c.pull("late", delay_s=3, answers="phx_join", seed=1)
        assert reply.status == 200
        pulled = reply.json
        assert (pulled["id"], pulled["name"], pulled["hits"]) == (1, "late", 0)
        assert pulled["parameters"]["answers"] == "phx_join"
        await alice.join("room")
        assert await alice.next(within_s=2) is None
        listed = (await c.ask("GET", "/levers")).json
        assert [(one["name"], one["hits"]) for one in listed["pulled"]] == [("late", 1)]
        assert list(listed["known"]) == list(LEVERS)
        healed = await c.ask("DELETE", "/levers/1")
        assert (healed.status, healed.json["hits"]) == (200, 1)
        assert (await c.ask("GET", "/levers")).json["pulled"] == []


@simulated
async def test_all_levers_are_healed_at_once() -> None:
    async with controlled() as c:
        await c.pull("http")
        c.stage.server.pull("mute_app")
        healed = (await c.ask("POST", "/heal")).json["healed"]
        assert [one["name"] for one in healed] == ["http", "mute_app"]
        await c.stage.joined()


@simulated
async def test_the_truth_is_the_one_of_the_server() -> None:
    async with controlled() as c:
        await c.stage.joined()
        told = (await c.ask("GET", "/truth")).json
        expected = c.stage.server.truth()
        assert {**told, "now_s": 0} == {**json.loads(json.dumps(expected)), "now_s": 0}
        assert told["membership"][0]["client"] == "alice"


@simulated
async def test_the_control_api_goes_on_while_the_server_is_down() -> None:
    async with controlled() as c:
        await c.pull("restart")
        await asyncio.sleep(1)
        assert (await c.ask("GET", "/truth")).json["listening"] is False
        await c.ask("POST", "/heal")
        await asyncio.sleep(1)
        assert (await c.ask("GET", "/truth")).json["listening"] is True
        await c.stage.joined()


@simulated
async def test_what_is_wrong_is_refused_with_what_is_known() -> None:
    async with controlled() as c:
        for body, words in (
            ({"name": "lat"}, "unknown lever 'lat'; known: late, drop"),
            ({"name": "late", "parameters": {"delay": 3}}, "it has: delay_s, jitter_s"),
            ({"name": "late", "parameters": {"delay_s": -3}}, "a number of seconds, 0 or more"),
            ({"name": "late", "delay_s": 3}, "an object `parameters`, not 'delay_s'"),
            ({"name": "late", "parameters": [3]}, "an object `parameters`, not that"),
            ({"name": 7}, "GET /levers names them"),
            ([], "GET /levers names them"),
            ({"name": "limits", "parameters": {"max_payload_size_in_kb": 0}}, "payload_kb_max"),
        ):
            reply = await c.ask("POST", "/levers", body)
            assert reply.status == 400, body
            assert words in reply.json["message"]
        assert c.stage.server.pulled == []


@simulated
async def test_wrong_ways_are_refused_with_the_right_ones() -> None:
    async with controlled() as c:
        for method, path, status, words in (
            ("GET", "/lever", 404, "known: /levers, /levers/ID, /heal, /truth"),
            ("GET", "/", 404, "known: /levers"),
            ("PUT", "/levers", 405, "knows GET, POST, not PUT"),
            ("GET", "/heal", 405, "knows POST, not GET"),
            ("GET", "/levers/1", 405, "knows DELETE, not GET"),
            ("DELETE", "/levers/9", 404, "no lever '9' is pulled; pulled: none"),
        ):
            reply = await c.ask(method, path)
            assert reply.status == status, path
            assert words in reply.json["message"]


@simulated
async def test_a_body_that_is_no_json_is_refused() -> None:
    async with controlled():
        connection = await HttpConnection.open("127.0.0.1", 5000)
        for body in (b"{", b"\xff", b"[" * 100_000):
            reply = await connection.ask("POST", "/levers", HOST, body)
            assert (reply.status, reply.json) == (400, {"message": "the body is no JSON"})
        connection.writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:5000", "origin": "http://evil.example"},
        {"host": "evil.example:5000"},
        {"host": "localhost.evil.example"},
    ],
)
def test_web_pages_cannot_pull_levers(headers: dict[str, str]) -> None:
    """A page in a browser on this machine reaches loopback, also by a name of its own."""

    @simulated
    async def story() -> None:
        async with controlled() as c:
            reply = await c.ask("POST", "/levers", {"name": "mute_app"}, headers)
            assert reply.status == 403
            assert c.stage.server.pulled == []

    story()


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1", "[::1]:5000"])
def test_programs_reach_it_by_every_loopback_name(host: str) -> None:
    @simulated
    async def story() -> None:
        async with controlled() as c:
            assert (await c.ask("GET", "/truth", headers={"host": host})).status == 200

    story()


@simulated
async def test_it_listens_on_loopback_alone() -> None:
    async with stage() as s:
        with pytest.raises(ValueError, match=r"'0\.0\.0\.0' is no loopback address"):
            await Control(s.server).start(host="0.0.0.0")


@simulated
async def test_a_websocket_is_not_served() -> None:
    async with controlled() as c:
        upgrade = {**HOST, "connection": "upgrade", "upgrade": "websocket"}
        assert (await c.ask("GET", "/levers", headers=upgrade)).status == 404


@simulated
async def test_no_answer_holds_a_secret() -> None:
    async with controlled() as c:
        await c.stage.joined()
        for method, path in (("GET", "/levers"), ("GET", "/truth"), ("POST", "/heal")):
            text = (await c.ask(method, path)).body.decode()
            assert c.stage.server.config.jwt_secret not in text
            assert "eyJ" not in text
